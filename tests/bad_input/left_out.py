"""What takes text, arrays or shapes and is not called with mistakes here, and why not."""

MODULES = {
    "viz": "draws what others computed; what it does with hostile text stands in tests/bad_input/test_viz_*",
    "exercises": "shows and checks what readers write; tests/exercises and tests/bad_input/test_typed_*",
    **dict.fromkeys(
        (
            "adversarial", "answers", "app", "assistant", "cards", "conversation", "encoders", "folders", "grounded",
            "injection", "leaderboard", "named_models", "project", "report", "rubric", "safety", "semantic_search",
            "tasks", "text_to_text",
        ),
        "what a reader or a player of a project types: tests/bad_input/test_typed_*",
    ),
    **dict.fromkeys(
        (
            "assets", "checkpoints", "hub", "sharding", "sources", "stamps", "text.shards", "unpack", "unpack_images",
            "unpack_t5",
        ),
        "reads and writes files, whose faults are those of tests/faults",
    ),
    "recipes": "makes the shipped checkpoints from fixed corpora; called by course_utils.train alone",
    "train": "a command; its options are checked by argparse",
    "training": "fit takes a model and a function of batches; tests/unit/test_training breaks both",
    "parallel_training": "several processes under accelerate; called by training alone",
    "image_yardstick": "measures the shipped image models by name; needs all of them and the corpus",
    "engine": "needs SmolLM2; its texts are checked by tests/unit/test_engine",
    "pretrained": "needs SmolLM2; its texts are checked by tests/unit/test_pretrained",
    "keras_decoder": "layers of Keras, which names shapes that do not fit itself; tests/parity/test_keras_parity",
    "examples": "builds the example projects from the corpora; takes nothing of the reader's",
    "architectures": "rows of a table",
    "cluster_costs": "a table on paper of shipped assumptions; tests/unit holds its numbers",
    "lessons": "rows of a table",
    "doctor": "looks at this machine",
    "models.porting": "renames the weights of known checkpoints; a wrong name is an error of `filled`",
    "text.corpora": "fixed corpora; what takes a name is called in table_texts",
}  # fmt: skip

INNER = dict.fromkeys(
    (
        "models.ablations.NoFeedForward.forward", "models.ablations.NoSums.forward",
        "models.counts.with_left_neighbours",
        "models.drawn.DrawnLoss.load_state_dict", "models.ngram.values_at", "models.seq2seq.Encoder.forward",
        "models.seq2seq.Decoder.forward", "models.smoothing.totals", "models.recurrent.RNNCell.step",
        "models.recurrent.GRUCell.step", "models.recurrent.LSTMCell.step", "models.recurrent.LSTMCell.gates",
        "models.encoder_decoder.Stack.going_on", "models.fast.FastLayer",
        "models.fast.FastLayer.__call__", "models.fast.Product.__call__", "models.fast.in_groups",
        "models.fast.rms_norm", "models.image_blocks.ZeroConv", "models.image_transformer.PixelDecoder",
        "models.language_model.one_by_one", "models.onednn.LSTM", "models.onednn.LSTM.forward", "models.recurrent.Cell",
        "models.recurrent.Cell.step",
        "models.recurrent.remember", "models.seq2seq.DotAttention", "models.seq2seq.NoAttention",
        "models.smoothing.AddK.table", "models.smoothing.Discounting.table", "models.smoothing.JelinekMercer.table",
        "models.smoothing.Smoothing.table", "models.toy_gan.DiracGame.generator_slope",
        "models.toy_gan.PointDiscriminator", "models.toy_gan.PointGenerator", "models.toy_gan.sigmoid",
        "models.transformer.up_to", "text.vocabulary.Vocabulary.split",
    ),
    "an inner step, or a class that only hands on: what calls it has checked, and a check here would cost every token",
)  # fmt: skip

FUNCTIONS = INNER | {
    "metrics.total_nats": "the sum of token_nats, which is called by every language model",
    "text.bpe.train_sotu_bpe": "trains on the whole corpus",
    "text.parallel.train_es_en_bpe": "trains on the whole corpus",
    "text.parallel.read_pairs": "a shipped file with its sha256; tests/unit/test_parallel",
    "images.corpora.read_emoji": "a shipped file with its sha256; tests/unit/test_images",
    "text.exchanges.chat_exchange": "needs a chat model's tokenizer",
    "strategies.passages": "needs a tokenizer and the articles",
    "strategies.write": "generate with a passage that `passages` made",
    "strategies.measure": "bits_per_token with a passage that `passages` made",
    "strategies.forbid": "a rule for one id of the tokenizer",
    "scaling.Fit.foretell": "takes its amounts one by one, as Law.loss does, which is called",
    "coreference_heads.look_at_all": "looks at each sentence by a function of the caller's; `looks` is called",
    "preference_tuning.DPO.__call__": "takes what dpo_batches makes; the log-probabilities and the loss are called",
    "text.course_questions.answerable": "takes the questions of a shipped file",
    "text.facts.facts_of": "takes the articles of an asset",
    "fit_config.complete": "a record that a checkpoint kept; tests/faults",
}
