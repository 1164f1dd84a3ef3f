"""Checkpoints of a few thousand random numbers in the format of the real ones: GPT-2, BERT, T5, Marian and Llama.

Each has a tokenizer that was made here from a few sentences.
"""

import json
from pathlib import Path

import sentencepiece
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MarianConfig,
    MarianMTModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

SENTENCES = [
    "A model that nobody has trained writes what it likes.",
    "Este curso sobre modelos se pone interesante.",
    "The hub is a room full of numbers with names on them.",
]


def _save(folder: Path, model: PreTrainedModel, tokenizer: Tokenizer, special: dict[str, str], kind: str) -> None:
    model.eval().save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    config = folder / "tokenizer_config.json"
    about = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps({**about, "tokenizer_class": kind}), encoding="utf-8")


def _byte_pairs(end: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=[end], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def gpt2(folder: Path) -> None:
    """GPT-2 (Radford et al. 2019): one block, width 16."""
    tokenizer = _byte_pairs("<|endoftext|>")
    size = tokenizer.get_vocab_size()
    config = GPT2Config(
        vocab_size=size, n_positions=64, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    special = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}
    _save(folder, GPT2LMHeadModel(config), tokenizer, special, "GPT2Tokenizer")


def llama(folder: Path) -> None:
    """The architecture of SmolLM2 (Touvron et al. 2023): one block, width 16."""
    tokenizer = _byte_pairs("<|im_end|>")
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=1, bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    special = {"bos_token": "<|im_end|>", "eos_token": "<|im_end|>"}
    _save(folder, LlamaForCausalLM(config), tokenizer, special, "GPT2Tokenizer")


def bert(folder: Path) -> None:
    """BERT (Devlin et al. 2019) with its masked-word head: one block, width 16."""
    special = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    special["mask_token"] = "[MASK]"
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=120, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False
    )
    tokenizer.train_from_iterator([sentence.lower() for sentence in SENTENCES], trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    size = tokenizer.get_vocab_size()
    config = BertConfig(
        vocab_size=size, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    _save(folder, BertForMaskedLM(config), tokenizer, special, "BertTokenizer")


def t5(folder: Path) -> None:
    """T5 (Raffel et al. 2020): one block on each side, width 16."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=90, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", "$A </s> $B </s>", [("</s>", 1)])
    size = tokenizer.get_vocab_size()
    config = T5Config(
        vocab_size=size, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    _save(folder, T5ForConditionalGeneration(config), tokenizer, special, "T5Tokenizer")


def marian(folder: Path) -> None:
    """Marian (Junczys-Dowmunt et al. 2018): one block on each side, width 16, two SentencePiece models."""
    folder.mkdir(parents=True, exist_ok=True)
    for side in ("source", "target"):
        with open(folder / f"{side}.spm", "wb") as file:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(SENTENCES), model_writer=file, vocab_size=45, minloglevel=2
            )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
    known = [pieces.id_to_piece(i) for i in range(pieces.get_piece_size())]
    words = ["</s>", "<unk>", *(piece for piece in known if piece not in ("<s>", "</s>", "<unk>")), "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}), encoding="utf-8")
    about = {"tokenizer_class": "MarianTokenizer", "source_lang": "es", "target_lang": "en"}
    (folder / "tokenizer_config.json").write_text(json.dumps(about), encoding="utf-8")
    pad = len(words) - 1
    config = MarianConfig(
        vocab_size=len(words), max_position_embeddings=64, d_model=16, encoder_layers=1, decoder_layers=1,
        encoder_ffn_dim=32, decoder_ffn_dim=32, encoder_attention_heads=2, decoder_attention_heads=2,
        pad_token_id=pad, eos_token_id=0, decoder_start_token_id=pad, forced_eos_token_id=0,
    )  # fmt: skip
    MarianMTModel(config).eval().save_pretrained(folder)


def write_all(root: Path) -> dict[str, Path]:
    """All six names of the course below `root`: folders by repository. Weights are the same each time."""
    makers = {
        "openai-community/gpt2": gpt2,
        "google-bert/bert-base-uncased": bert,
        "google-t5/t5-small": t5,
        "cnicu/t5-small-booksum": t5,
        "Helsinki-NLP/opus-mt-es-en": marian,
        "HuggingFaceTB/SmolLM2-135M-Instruct": llama,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)                                       # transformers draws weights from the global state
        for repository, make in makers.items():
            make(root / repository)
    return {repository: root / repository for repository in makers}
