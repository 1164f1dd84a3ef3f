"""The course's models beside their peers, in paired runs: `make bench`."""
