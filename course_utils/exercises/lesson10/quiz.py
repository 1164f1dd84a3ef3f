"""The quiz of lesson 10."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "A model is fine-tuned on instructions and their answers. Why does the loss skip the instruction?",
        (
            Option(
                "So that the model does not read it.",
                "It reads it: the inputs are whole. Only its targets are −100.",
            ),
            Option(
                "So that each step costs less.",
                "The instruction goes through every layer all the same, for the answer looks back at it.",
            ),
            Option(
                "So that it learns to answer, and not to write instructions.",
                "Whoever uses the model writes the instruction. What it has to write itself is the answer.",
                right=True,
            ),
        ),
    ),
    Question(
        "LoRA trains 1 % of the numbers. What else falls to about 1 %?",
        (
            Option(
                "The time of a step.",
                "The frozen weights multiply on the way forward and on the way back. Only their gradients are spared.",
            ),
            Option(
                "The memory for gradients and for Adam's two means.",
                "They are kept for what is trained, and for nothing else.",
                right=True,
            ),
            Option(
                "All the memory that training takes.",
                "The frozen weights stay in memory, and so do the activations.",
            ),
            Option(
                "The time of an answer.",
                "Added to W it is what it was; kept apart, it is a little longer.",
            ),
        ),
    ),
    Question(
        "20 tokens a parameter are about optimal (Hoffmann et al. 2022). Llama 3.1 8B has read 1,900. Why?",
        (
            Option(
                "For the same training compute it has a lower loss.",
                "For the same compute a larger model on fewer tokens has the lower loss: that is what optimal means.",
            ),
            Option(
                "Small models need more tokens for each parameter.",
                "Hoffmann et al. found nearly the same number for small models and large ones.",
            ),
            Option(
                "Training is paid for once, a model's size at every token it writes.",
                "A token costs 2·N operations as long as the model is in use. The rule counts training alone.",
                right=True,
            ),
        ),
    ),
    Question(
        "RLHF trains a reward model and then the language model. What of this does DPO do without?",
        (
            Option(
                "The reward model, and answers written during training.",
                "Pairs go straight into a loss: β times an answer's gain in ln p takes the place of its reward.",
                right=True,
            ),
            Option(
                "The model it started from.",
                "It stays beside: an answer's gain is measured from what that model says.",
            ),
            Option(
                "People who say which of two answers is better.",
                "Their pairs are all that it learns from.",
            ),
        ),
    ),
    Question(
        "A reward model rates long answers a little too high. A language model is trained on it. What follows?",
        (
            Option(
                "Answers get better for as long as the reward rises.",
                "In Gao et al. 2022 a second judge's ratings fell while the reward that was trained on still rose.",
            ),
            Option(
                "Answers get longer, and the reward says less and less of how good they are.",
                "Goodhart: a measure that is optimised stops measuring. Judge by one that was not trained on.",
                right=True,
            ),
            Option(
                "Nothing: a little is too little to learn from.",
                "Training goes wherever the reward rises, also where it rises a little. Length is easy to add.",
            ),
        ),
    ),
)
