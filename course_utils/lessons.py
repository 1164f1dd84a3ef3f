"""The seventeen lessons, named in one place: the map, the progress page and the checks all read this table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Lesson:
    """One lesson: its number, the stem of its notebook, its title and what the reader can do at the end."""

    number: int
    slug: str
    title: str
    promise: str

    @property
    def label(self) -> str:
        """The number as it is written everywhere: two digits."""
        return f"{self.number:02d}"


LESSONS = (
    Lesson(0, "00_start_here", "Start here", "Talk to a language model and see the choice it makes at every token."),
    Lesson(
        1, "01_ngrams", "N-grams", "Predict the next word by counting, and measure any text model in bits per byte."
    ),
    Lesson(2, "02_recurrent", "Recurrent networks", "Carry a hidden state through a text, one token at a time."),
    Lesson(3, "03_lstm_gru", "LSTM and GRU", "Add gates, and measure how far back a network remembers."),
    Lesson(
        4,
        "04_seq2seq_attention",
        "Sequence to sequence and attention",
        "Turn one sequence into another, and see where the decoder looks.",
    ),
    Lesson(5, "05_tokens", "Tokens, embeddings, positions", "Turn text into vectors that know what and where."),
    Lesson(6, "06_attention", "Self-attention", "Write the formula that the rest of the course runs on."),
    Lesson(7, "07_transformer", "The transformer", "Build the whole network and load a real model's weights into it."),
    Lesson(8, "08_generation", "Pretrained generation", "Steer what a pretrained model writes."),
    Lesson(9, "09_architectures", "Architectures", "Choose between encoder, decoder and both for a task."),
    Lesson(10, "10_training", "How an LLM is trained", "Pretrain, fine-tune and align a small model, and evaluate it."),
    Lesson(11, "11_vae", "Variational autoencoder", "Draw images from a latent space with a likelihood bound."),
    Lesson(12, "12_gan", "Generative adversarial network", "Train a generator against a judge, and see how it fails."),
    Lesson(13, "13_diffusion", "Diffusion", "Turn noise into pictures step by step, and steer them by text."),
    Lesson(14, "14_comparison", "The comparison", "Rank the image models on equal data, size and compute."),
    Lesson(15, "15_challenges", "Challenges", "Measure bias, invention and cost instead of asserting them."),
    Lesson(16, "16_capstone", "Capstone", "Build one application out of the parts you wrote."),
)
