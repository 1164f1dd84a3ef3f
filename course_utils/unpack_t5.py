"""Reader for flan-T5 out of ONNX: two graphs of 8-bit weights into a folder that `transformers` loads.

An ONNX file is one protobuf message, which nests messages; the few kinds that matter here are walked by hand. The bytes
are described at https://protobuf.dev/programming-guides/encoding/, the numbers of the fields at
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. A weight w is stored as a whole number q, and each matrix has
one scale s and one zero point z: w = (q − z) · s.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.errors import CourseError
from course_utils.unpack import write_json

GRAPH = 7                                                          # in a model
NODE, INITIALIZER = 1, 5                                           # in a graph
INPUT, NAME, OPERATION = 1, 3, 4                                   # in a node
DIMENSION, KIND, FLOATS, INTEGERS, TENSOR_NAME, RAW = 1, 2, 4, 5, 8, 9  # in a tensor
KINDS = {1: np.float32, 2: np.uint8, 3: np.int8}
QUANTIZED, PRODUCT = "_quantized", "/MatMul_quant"                 # how onnxruntime's quantizer ends its names
HALVES = {"encoder.onnx": ("enc.", "encoder."), "decoder.onnx": ("m.", "")}


def flan_t5(source: Path, target: Path) -> None:
    """Turn `encoder.onnx`, `decoder.onnx` and `tokenizer.json` into a folder for `T5ForConditionalGeneration`.

    Writes float16 `model.safetensors`, `config.json`, `generation_config.json`, `tokenizer.json` and
    `tokenizer_config.json`. Rounding to float16 moves no weight by more than 6 % of a quantization step.
    Raises CourseError for a graph that is not what the reader expects.
    """
    from safetensors.numpy import save_file

    weights: dict[str, np.ndarray] = {}
    for file, (theirs, ours) in HALVES.items():
        half = parameters(load_graph((source / file).read_bytes()))
        weights |= {ours + name.removeprefix(theirs): values for name, values in half.items()}
    embedding = weights.pop("encoder.embed_tokens.weight")         # the decoder's file holds it a second time
    if not np.array_equal(embedding, weights["shared.weight"]):
        raise CourseError("The two halves have different embeddings; expected one that they share, as T5 has.")
    save_file({name: weights[name].astype(np.float16) for name in sorted(weights)}, target / "model.safetensors",
              metadata={"format": "pt"})  # fmt: skip
    tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    write_json(target / "config.json", _config(weights))
    write_json(target / "generation_config.json", _special_ids())
    write_json(target / "tokenizer.json", tokenizer | {"truncation": None, "padding": None})  # it cut at 48 tokens
    write_json(target / "tokenizer_config.json", _tokenizer_config())


# --- the bytes ------------------------------------------------------------------------------------


def varint(data: memoryview, start: int) -> tuple[int, int]:
    """The whole number that begins at `start`, seven bits a byte with the lowest first, and where it ends."""
    value = shift = 0
    for i in range(start, len(data)):
        value |= (data[i] & 127) << shift
        if data[i] < 128:                                          # the highest bit says whether more follows
            return value, i + 1
        shift += 7
    raise CourseError(f"The protobuf message ends in the middle of a number at byte {start}; the file is cut off.")


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and content of each field of a message: a whole number, or bytes, which may be a message again.

    Raises CourseError where the message is cut off or is none.
    """
    position = 0
    while position < len(message):
        key, position = varint(message, position)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, position = varint(message, position)
            yield number, value
            continue
        if wire not in (1, 2, 5):
            raise CourseError(f"Field {number} has wire type {wire}; expected 0, 1, 2 or 5: this is no ONNX file.")
        length, position = varint(message, position) if wire == 2 else ({1: 8, 5: 4}[wire], position)
        if position + length > len(message):
            raise CourseError(f"Field {number} should have {length} bytes; got {len(message) - position}: cut off.")
        yield number, message[position : position + length]
        position += length


# --- the graph ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Graph:
    """The constants of a graph by name, and the name of the weights that each product of 8-bit integers uses."""

    constants: dict[str, np.ndarray]
    products: dict[str, str]


def load_graph(model: bytes) -> Graph:
    """Constants and integer products of an ONNX model. Raises CourseError where the bytes hold no graph."""
    graphs = [value for number, value in fields(memoryview(model)) if number == GRAPH]
    if not graphs:
        raise CourseError("The ONNX model has no graph.")
    constants, products = {}, {}
    for number, value in fields(graphs[0]):
        if number == INITIALIZER:
            name, values = tensor(value)
            constants[name] = values
        elif number == NODE:
            node = [(field, bytes(text).decode()) for field, text in fields(value) if field in (INPUT, NAME, OPERATION)]
            if (OPERATION, "MatMulInteger") in node:
                products[dict(node)[NAME]] = [text for field, text in node if field == INPUT][1]
    return Graph(constants, products)


def tensor(message: memoryview) -> tuple[str, np.ndarray]:
    """Name and values of a constant, float32, uint8 or int8.

    Raises CourseError for another kind, and where the number of values is not what its dimensions say.
    """
    name, dimensions, kind, raw, integers = "", [], 0, b"", []
    for number, value in fields(message):
        if number == DIMENSION:
            dimensions += _numbers(value)
        elif number == KIND:
            kind = value
        elif number == TENSOR_NAME:
            name = bytes(value).decode()
        elif number in (RAW, FLOATS):
            raw = value
        elif number == INTEGERS:
            integers += _numbers(value)
    if kind not in KINDS:
        raise CourseError(f"{name} is of ONNX's kind {kind}; expected one of {sorted(KINDS)} (float32, uint8, int8).")
    values = np.array(integers, np.uint64).astype(KINDS[kind]) if integers else np.frombuffer(raw, KINDS[kind])
    if values.size != np.prod(dimensions, dtype=int):
        raise CourseError(f"{name} should have the dimensions {dimensions}; got {values.size} values.")
    return name, values.reshape(dimensions)


def _numbers(value: int | memoryview) -> list[int]:
    """The whole numbers of a repeated field, which are written one a field or packed into one."""
    if isinstance(value, int):
        return [value]
    found, position = [], 0
    while position < len(value):
        number, position = varint(value, position)
        found.append(number)
    return found


# --- the weights ----------------------------------------------------------------------------------


def parameters(graph: Graph) -> dict[str, np.ndarray]:
    """Float32 weights of a graph by the name that the network had: `enc.block.0.layer.0.SelfAttention.q.weight`.

    Matrices of products lost their name in the export and lie there as (in, out): the node that uses one has kept the
    name, and `torch.nn.Linear` wants (out, in).
    """
    found = {}
    for node, matrix in graph.products.items():
        found[weight_name(node)] = np.ascontiguousarray(dequantized(graph.constants, matrix).T)  # (out, in)
    for name, values in graph.constants.items():
        if name.endswith(".weight" + QUANTIZED):
            found[name.removesuffix(QUANTIZED)] = dequantized(graph.constants, name)
        elif name.endswith(".weight"):
            found[name] = values
    return found


def weight_name(node: str) -> str:
    """`/m/lm_head/MatMul_quant` to `m.lm_head.weight`."""
    return node.removesuffix(PRODUCT).strip("/").replace("/", ".") + ".weight"


def dequantized(constants: dict[str, np.ndarray], name: str) -> np.ndarray:
    """(q − z) · s of a constant, its zero point and its scale, in float32."""
    base = name.removesuffix(QUANTIZED)
    steps = constants[name].astype(np.float32) - constants[base + "_zero_point"].astype(np.float32)
    return steps * constants[base + "_scale"]


# --- what stands beside them ----------------------------------------------------------------------


def _config(weights: dict[str, np.ndarray]) -> dict:
    """`config.json`. What the shapes do not tell is flan-T5's: Chung et al. 2022, and T5 1.1 before it."""
    bias = weights["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
    query = weights["encoder.block.0.layer.0.SelfAttention.q.weight"]
    layers = {half: _layers(weights, half) for half in ("encoder", "decoder")}
    return {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "vocab_size": weights["shared.weight"].shape[0],           # 28 more than the tokenizer has, never to be chosen
        "d_model": weights["shared.weight"].shape[1],
        "d_kv": query.shape[0] // bias.shape[1],
        "d_ff": weights["encoder.block.0.layer.1.DenseReluDense.wo.weight"].shape[1],
        "num_layers": layers["encoder"],
        "num_decoder_layers": layers["decoder"],
        "num_heads": bias.shape[1],
        "relative_attention_num_buckets": bias.shape[0],
        "relative_attention_max_distance": 128,
        "n_positions": 512,
        "feed_forward_proj": "gated-gelu",
        "layer_norm_epsilon": 1e-06,
        "dropout_rate": 0.1,
        "is_encoder_decoder": True,
        "tie_word_embeddings": False,
        "torch_dtype": "float16",
        **_special_ids(),
    }


def _layers(weights: dict[str, np.ndarray], half: str) -> int:
    return len({name.split(".")[2] for name in weights if name.startswith(f"{half}.block.")})


def _special_ids() -> dict:
    """The decoder begins with the sign for padding, as T5's does."""
    return {"decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1}


def _tokenizer_config() -> dict:
    """`tokenizer_config.json`: the class that reads `tokenizer.json` as it stands, and its special tokens."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 512,
        "clean_up_tokenization_spaces": False,
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
    }
