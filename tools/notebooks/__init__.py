"""What maintainers do to the lessons' notebooks: execute, solve, write the first cell, check the rules."""
