"""Readers that turn what was downloaded into the files a lesson opens.

A reader is a function `(source, target) -> None`: it reads the folder `source`, which holds what the manifest names,
and writes into the empty folder `target`. Its output is the same bytes on every machine, because `data/assets.toml`
holds the sha256 of each file. Libraries that are slow to import are imported by the reader that needs them.
"""

import json
import re
import shutil
import sys
import tarfile
from pathlib import Path

from tqdm.auto import tqdm


def progress_bar(total: int, title: str, unit: str) -> tqdm:
    """A bar for a person at a terminal or in a notebook, and nothing in a log file."""
    ipython = sys.modules.get("IPython")  # whoever has not imported it is in no notebook
    in_notebook = hasattr(ipython and ipython.get_ipython(), "kernel")
    watched = sys.stderr.isatty() or in_notebook
    return tqdm(total=total, desc=title, unit=unit, unit_scale=unit == "B", leave=False, disable=not watched)


def copy(source: Path, target: Path) -> None:
    """Take the files as they are, in their folders."""
    shutil.copytree(source, target, dirs_exist_ok=True)


def names(source: Path, target: Path) -> None:
    """Sum the births of each name over years and sexes: `babynames.parquet` to `names.csv`, sorted by name.

    Keeps the names that are written with the letters a to z alone, in lower case.
    """
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(source / "babynames.parquet", columns=["name", "n"])
    totals: dict[str, int] = {}
    for row in table.group_by("name").aggregate([("n", "sum")]).to_pylist():
        name = row["name"].lower()
        if name.isascii() and name.isalpha():
            totals[name] = totals.get(name, 0) + row["n_sum"]
    lines = ["name,births", *(f"{name},{births}" for name, births in sorted(totals.items()))]
    write_text(target / "names.csv", "\n".join(lines) + "\n")


def smollm2(source: Path, target: Path) -> None:
    """Turn llama.cpp's packed weights (`*.gguf`) into a folder that `transformers` loads in a second.

    Writes bfloat16 `model.safetensors` (the output layer is the embedding and is not stored twice), `config.json`,
    `generation_config.json`, `tokenizer.json` and `tokenizer_config.json`. The format is described at
    https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
    """
    import gguf

    reader = gguf.GGUFReader(next(source.glob("*.gguf")))
    facts = {key: field.contents() for key, field in reader.fields.items()}
    _write_weights(reader, facts, target / "model.safetensors")
    write_json(target / "config.json", _llama_config(facts))
    write_json(target / "generation_config.json", _special_ids(facts))
    write_json(target / "tokenizer.json", _byte_level_tokenizer(facts))
    write_json(target / "tokenizer_config.json", _tokenizer_config(facts))


def tunes(source: Path, target: Path) -> None:
    """Take the tunes with one note at a time out of the ABC files `*/*.abc`, one a line: `tunes.jsonl`.

    The music stays as it was typed. Undoes what mail did to some of them: `=20` and `=` at the end of a line,
    `=3D` for `=`. The format is described at https://abcnotation.com/wiki/abc:standard:v2.1.
    """
    found = []
    for file in sorted(source.glob("*/*.abc")):
        text = re.sub("=20$|=\n", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("=3D", "=")
        for abc in re.split("^(?=X:)", text, flags=re.MULTILINE)[1:]:
            tune = _tune(file, abc)
            if _one_note_at_a_time(tune["body"]):
                found.append(json.dumps(tune, ensure_ascii=False) + "\n")
    write_text(target / "tunes.jsonl", "".join(found))
    shutil.copy(source / "license.txt", target)


RATED = {"movies.txt": "movieReviewSnippets_GroundTruth.txt", "products.txt": "amazonReviewSnippets_GroundTruth.txt"}


def ratings(source: Path, target: Path) -> None:
    """Take the rated sentences of films and products, as they are, out of the archive `hutto_ICWSM_2014.tar.gz`.

    Writes `movies.txt` and `products.txt`; no path of the archive is used. Raises KeyError where one is missing.
    """
    with tarfile.open(source / "hutto_ICWSM_2014.tar.gz") as archive:
        for name, member in RATED.items():
            with archive.extractfile(f"hutto_ICWSM_2014/{member}") as packed, open(target / name, "wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)


def _tune(file: Path, abc: str) -> dict:
    """Headings of a tune and its music, which begins after the key `K:` and ends at an empty line.

    Where the unit of length `L:` is missing, the standard's rule fills it: a sixteenth for metres below 3/4.
    """
    heading, key, music = re.split(r"^(K:.*\n)", abc, maxsplit=1, flags=re.MULTILINE)
    fields: dict[str, list[str]] = {}
    for letter, value in re.findall(r"^([A-Z]):(.*)", heading + key, flags=re.MULTILINE):
        fields.setdefault(letter, []).append(value.partition("%")[0].strip())
    metre = fields["M"][0]
    unit = "1/16" if metre in ("2/4", "3/8") else "1/8"
    return {
        "collection": file.parent.name,
        "file": file.name,
        "number": int(fields["X"][0]),
        "title": fields["T"][0],
        "transcriber": "; ".join(value.strip('"') for value in fields.get("Z", []) if value),
        "metre": metre,
        "unit": fields.get("L", [unit])[0],
        "key": fields["K"][0],
        "body": re.split(r"\n[ \t]*\n", music.strip("\n"), maxsplit=1)[0],
    }


def _one_note_at_a_time(music: str) -> bool:
    """Whether music has one voice and no chords, `[ce]` or, as it was written once, `+ce+`."""
    notes = re.sub(r'%.*|"[^"\n]*"|\{[^}\n]*\}', "", music)  # comments, words, grace notes
    return not re.search(r"\[V:|\[(?![A-Z]:)[^\]\n|\d]*[A-Ga-g][^\]\n|]*\]|\+[A-Ga-g][^+\n|]*\+", notes)


def _write_weights(reader, facts: dict, path: Path) -> None:
    """Unpack each tensor to float32, name and order it as `transformers` does, round it to bfloat16, save all."""
    import gguf
    import torch
    from safetensors.torch import save_file

    heads = {"attn_q": facts["llama.attention.head_count"], "attn_k": facts["llama.attention.head_count_kv"]}
    weights = {}
    with progress_bar(len(reader.tensors), "smollm2: unpacking", "tensor") as bar:
        for tensor in reader.tensors:
            values = torch.tensor(gguf.quants.dequantize(tensor.data, tensor.tensor_type))
            part = tensor.name.split(".")[-2]
            if part in heads:
                values = _undo_rotary_order(values, heads[part])
            weights[_transformers_name(tensor.name)] = values.to(torch.bfloat16).contiguous()
            bar.update()
    save_file(weights, path, metadata={"format": "pt"})


def _undo_rotary_order(weight, heads: int):
    """Put the rows of a query or key matrix (H*K, D) back in the order that `transformers` rotates.

    llama.cpp rotates neighbours (0, 1), (2, 3), …; `transformers` rotates halves (0, K/2), (1, K/2 + 1), ….
    """
    rows, width = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, width).swapaxes(1, 2).reshape(rows, width)


_PARTS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def _transformers_name(name: str) -> str:
    """`blk.3.attn_q.weight` to `model.layers.3.self_attn.q_proj.weight`. Raises KeyError for an unknown tensor."""
    outside = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
    if not name.startswith("blk."):
        return outside[name]
    _, layer, part, kind = name.split(".")
    return f"model.layers.{layer}.{_PARTS[part]}.{kind}"


def _special_ids(facts: dict) -> dict:
    """Ids that begin, end and pad a text; the instruct model ends its turn with `<|im_end|>`."""
    ends = {"bos_token_id": "bos", "eos_token_id": "eos", "pad_token_id": "padding"}
    return {key: facts[f"tokenizer.ggml.{name}_token_id"] for key, name in ends.items()}


def _llama_config(facts: dict) -> dict:
    """`config.json`, spelled so that `transformers` 4 and 5 both read it."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": facts["llama.vocab_size"],
        "hidden_size": facts["llama.embedding_length"],
        "intermediate_size": facts["llama.feed_forward_length"],
        "num_hidden_layers": facts["llama.block_count"],
        "num_attention_heads": facts["llama.attention.head_count"],
        "num_key_value_heads": facts["llama.attention.head_count_kv"],
        "head_dim": facts["llama.rope.dimension_count"],
        "hidden_act": "silu",
        "max_position_embeddings": facts["llama.context_length"],
        "rope_theta": facts["llama.rope.freq_base"],
        # The file keeps float32, which turns 1e-05 into 9.999999747378752e-06; seven digits are all it holds.
        "rms_norm_eps": float(f"{facts['llama.attention.layer_norm_rms_epsilon']:.6e}"),
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        **_special_ids(facts),
    }


def _byte_level_tokenizer(facts: dict) -> dict:
    """`tokenizer.json` for byte-level BPE: single digits first, then GPT-2's splitting, then the merges of the file."""
    tokens = facts["tokenizer.ggml.tokens"]
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    special = [
        {"id": i, "content": token, **plain}
        for i, (token, kind) in enumerate(zip(tokens, facts["tokenizer.ggml.token_type"], strict=True))
        if kind == 3  # gguf.TokenType.CONTROL
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, byte_level]},
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,  # as in the original: bytes without a token, some control characters, are dropped
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(tokens)},
            "merges": [merge.split(" ") for merge in facts["tokenizer.ggml.merges"]],
        },
    }


def _tokenizer_config(facts: dict) -> dict:
    """`tokenizer_config.json`: the class that reads `tokenizer.json` as it stands, special tokens, chat template."""
    ids = {"unk_token_id": facts["tokenizer.ggml.unknown_token_id"], **_special_ids(facts)}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": facts["llama.context_length"],
        "clean_up_tokenization_spaces": False,
        **{key.removesuffix("_id"): facts["tokenizer.ggml.tokens"][i] for key, i in ids.items()},
        "chat_template": facts["tokenizer.chat_template"],
    }


def write_json(path: Path, content: dict) -> None:
    """Plain text with a fixed layout, so that its hash depends on the content alone."""
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """UTF-8 with line feeds on every system."""
    path.write_bytes(text.encode("utf-8"))
