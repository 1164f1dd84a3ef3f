"""The reader of flan-T5: bytes to fields, fields to tensors, tensors to a folder that transformers loads."""

import json
import os

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import AutoModelForSeq2SeqLM

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.unpack_t5 import (
    HALVES,
    PRODUCT,
    QUANTIZED,
    Graph,
    dequantized,
    fields,
    flan_t5,
    load_graph,
    parameters,
    tensor,
    varint,
    weight_name,
)

FLOAT32, UINT8, INT8, INT64 = 1, 2, 3, 7                           # TensorProto.DataType of onnx.proto
ENCODER = ("SelfAttention",)
DECODER = ("SelfAttention", "EncDecAttention")


# --- a writer of the format, for the reader to read -----------------------------------------------


def number(value: int) -> bytes:
    """A varint: seven bits a byte, the lowest first, the highest bit set on all but the last."""
    rest, out = value, []
    while rest > 127:
        out, rest = [*out, rest % 128 + 128], rest // 128
    return bytes([*out, rest])


def field(where: int, content: int | str | bytes) -> bytes:
    if isinstance(content, int):
        return number(where * 8) + number(content)
    content = content.encode() if isinstance(content, str) else content
    return number(where * 8 + 2) + number(len(content)) + content


def constant(name: str, values: np.ndarray) -> bytes:
    kind = {"float32": FLOAT32, "uint8": UINT8, "int8": INT8}[str(values.dtype)]
    sizes = b"".join(field(1, size) for size in values.shape)
    return field(5, sizes + field(2, kind) + field(8, name) + field(9, values.tobytes()))


def quantized(name: str, values: np.ndarray, scale: float, zero: int) -> bytes:
    return (
        constant(name + QUANTIZED, values)
        + constant(name + "_scale", np.float32(scale))
        + constant(name + "_zero_point", values.dtype.type(zero))
    )


def product(node: str, weights: str) -> bytes:
    return field(1, field(1, "x") + field(1, weights) + field(2, "y") + field(3, node) + field(4, "MatMulInteger"))


def model(*parts: bytes) -> bytes:
    return field(1, 8) + field(7, b"".join(parts)) + field(2, "onnx.quantize")


def half(kinds: tuple[str, ...], theirs: str, rng: np.random.Generator) -> list[bytes]:
    """A graph of one layer of width 8, with 2 heads of width 3, 5 hidden units and 4 buckets."""
    parts, path = [], theirs.rstrip(".").replace(".", "/")

    def matrix(name: str, *shape: int) -> None:
        values = rng.integers(-127, 128, shape).astype(np.int8)    # (in, out)
        weights = f"onnx::MatMul_{len(parts)}"
        parts.extend([quantized(weights, values, 0.01, 0), product(f"/{path}/{name}{PRODUCT}", weights + QUANTIZED)])

    for layer, kind in enumerate(kinds):
        for part in "qkvo":
            matrix(f"block.0/layer.{layer}/{kind}/{part}", *((6, 8) if part == "o" else (8, 6)))
    last = f"block.0/layer.{len(kinds)}/DenseReluDense"
    matrix(f"{last}/wi_0", 8, 5), matrix(f"{last}/wi_1", 8, 5), matrix(f"{last}/wo", 5, 8)
    norms = [f"block.0.layer.{layer}.layer_norm" for layer in range(len(kinds) + 1)] + ["final_layer_norm"]
    parts += [constant(f"{theirs}{norm}.weight", rng.normal(size=8).astype(np.float32)) for norm in norms]
    bias = rng.integers(0, 256, (4, 2)).astype(np.uint8)
    return [*parts, quantized(f"{theirs}block.0.layer.0.SelfAttention.relative_attention_bias.weight", bias, 0.1, 128)]


@pytest.fixture
def source(tmp_path):
    """A folder like that of the package, with a model of 11 tokens."""
    folder, rng = tmp_path / "source", np.random.default_rng(0)
    folder.mkdir()
    embedding = rng.integers(0, 256, (11, 8)).astype(np.uint8)
    head = quantized("onnx::MatMul_99", rng.integers(-127, 128, (8, 11)).astype(np.int8), 0.01, 0)
    encoder = half(ENCODER, "enc.", rng) + [quantized("enc.embed_tokens.weight", embedding, 1.5, 140)]
    output = product(f"/m/lm_head{PRODUCT}", "onnx::MatMul_99" + QUANTIZED)
    decoder = half(DECODER, "m.decoder.", rng) + [quantized("m.shared.weight", embedding, 1.5, 140), head, output]
    (folder / "encoder.onnx").write_bytes(model(*encoder))
    (folder / "decoder.onnx").write_bytes(model(*decoder))
    tokenizer = {"version": "1.0", "truncation": {"max_length": 48}, "padding": {"pad_id": 0}, "model": {"é": 1}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    return folder


def unpacked(source, target):
    target.mkdir()
    flan_t5(source, target)
    return target


# --- the bytes ------------------------------------------------------------------------------------


def test_a_number_is_seven_bits_a_byte_with_the_lowest_first():
    assert varint(memoryview(b"\x96\x01"), 0) == (150, 2)          # the example of protobuf's own documentation
    assert varint(memoryview(b"\x00\x7f"), 1) == (127, 2)
    assert varint(memoryview(b"\xff" * 9 + b"\x01"), 0) == (2**64 - 1, 10)


def test_the_fields_of_a_message_are_numbers_and_bytes():
    message = b"\x08\x96\x01" + b"\x12\x07testing" + b"\x1d\x00\x00\x80\x3f" + b"\x21" + bytes(8)
    found = [(where, value if isinstance(value, int) else bytes(value)) for where, value in fields(memoryview(message))]
    assert found == [(1, 150), (2, b"testing"), (3, b"\x00\x00\x80\x3f"), (4, bytes(8))]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (b"\x08\x96", "in the middle of a number"),
        (b"\x12\x07test", "should have 7 bytes; got 4"),
        (b"\x1d\x00", "should have 4 bytes; got 1"),
        (b"PK\x03\x04", "wire type 3"),                           # a zip file
        (b"\x0e", "wire type 6"),
    ],
)
def test_a_message_that_is_cut_off_or_none_is_refused(message, said):
    with pytest.raises(CourseError, match=said):
        list(fields(memoryview(message)))


# --- tensors --------------------------------------------------------------------------------------


def test_a_tensor_has_its_name_its_shape_and_its_kind():
    values = np.array([[1.5, -2.0, 0.25]], np.float32)
    packed = constant("norm.weight", values)[len(number(42)) + 1 :]
    name, found = tensor(memoryview(packed))
    assert (name, found.dtype, found.shape) == ("norm.weight", np.float32, (1, 3))
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("sizes", [field(1, 2) + field(1, 1), field(1, b"\x02\x01")], ids=["one by one", "packed"])
@pytest.mark.parametrize(
    "numbers",
    [field(5, 5) + field(5, 2**64 - 3), field(5, number(5) + number(2**64 - 3))],
    ids=["one by one", "packed"],
)
def test_whole_numbers_may_stand_one_by_one_or_packed_and_may_be_negative(sizes, numbers):
    found = tensor(memoryview(sizes + field(2, INT8) + field(8, "zero") + numbers))[1]
    assert found.dtype == np.int8 and found.tolist() == [[5], [-3]]


def test_a_single_number_has_no_dimensions():
    scale = tensor(memoryview(field(2, FLOAT32) + field(8, "scale") + field(4, np.float32(0.5).tobytes())))[1]
    assert scale.shape == () and scale == 0.5


def test_a_kind_that_the_reader_does_not_know_and_a_wrong_number_of_values_are_refused():
    with pytest.raises(CourseError, match=r"shape is of ONNX's kind 7; expected one of \[1, 2, 3\]"):
        tensor(memoryview(field(1, 1) + field(2, INT64) + field(8, "shape") + field(9, bytes(8))))
    with pytest.raises(CourseError, match=r"q should have the dimensions \[2, 2\]; got 3 values"):
        tensor(memoryview(field(1, 2) + field(1, 2) + field(2, INT8) + field(8, "q") + field(9, bytes(3))))


# --- weights --------------------------------------------------------------------------------------


def test_a_weight_is_its_distance_from_the_zero_point_times_the_scale():
    constants = {
        "w" + QUANTIZED: np.array([7, 10, 255], np.uint8),         # 7 − 10 is below what a uint8 can hold
        "w_zero_point": np.uint8(10),
        "w_scale": np.float32(0.5),
    }
    assert dequantized(constants, "w" + QUANTIZED).tolist() == [-1.5, 0.0, 122.5]


def test_a_matrix_gets_its_name_from_the_node_that_uses_it_and_is_turned():
    graph = load_graph(
        model(quantized("onnx::MatMul_7", np.array([[1, 2], [3, 4], [5, 6]], np.int8), 2.0, 0),
              product("/enc/block.0/layer.0/SelfAttention/q/MatMul_quant", "onnx::MatMul_7_quantized"),
              field(1, field(1, "a") + field(1, "b") + field(3, "/enc/Add") + field(4, "Add")))
    )  # fmt: skip
    assert graph.products == {"/enc/block.0/layer.0/SelfAttention/q/MatMul_quant": "onnx::MatMul_7_quantized"}
    found = parameters(graph)
    assert list(found) == ["enc.block.0.layer.0.SelfAttention.q.weight"]
    assert found["enc.block.0.layer.0.SelfAttention.q.weight"].tolist() == [[2, 6, 10], [4, 8, 12]]


def test_a_norm_is_taken_as_it_is_and_a_table_is_not_turned():
    table = np.array([[1, 2, 3]], np.uint8)
    constants = {
        "norm.weight": np.array([0.1], np.float32), "e.weight" + QUANTIZED: table,
        "e.weight_scale": np.float32(1), "e.weight_zero_point": np.uint8(0), "e.other": np.array([9], np.float32),
    }  # fmt: skip
    found = parameters(Graph(constants, {}))
    assert set(found) == {"norm.weight", "e.weight"} and found["e.weight"].shape == (1, 3)


def test_a_file_without_a_graph_is_refused():
    with pytest.raises(CourseError, match="has no graph"):
        load_graph(field(1, 8))


# --- the folder -----------------------------------------------------------------------------------


def test_transformers_finds_every_weight_in_the_folder_and_nothing_else(source, tmp_path):
    folder = unpacked(source, tmp_path / "made")
    loaded, said = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not any(said.values()), said
    shapes = (loaded.config.d_model, loaded.config.num_heads, loaded.config.d_kv, loaded.config.d_ff)
    assert shapes == (8, 2, 3, 5) and loaded.config.num_layers == loaded.config.num_decoder_layers == 1
    assert loaded.encoder.embed_tokens.weight is loaded.shared.weight is loaded.decoder.embed_tokens.weight
    assert not torch.equal(loaded.lm_head.weight, loaded.shared.weight)
    assert loaded(torch.tensor([[3, 4, 1]]), decoder_input_ids=torch.tensor([[0, 5]])).logits.shape == (1, 2, 11)


def test_the_folder_is_the_same_bytes_each_time_and_its_tokenizer_cuts_nothing(source, tmp_path):
    one, two = unpacked(source, tmp_path / "one"), unpacked(source, tmp_path / "two")
    names = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert sorted(file.name for file in one.iterdir()) == names
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names)
    tokenizer = (one / "tokenizer.json").read_text(encoding="utf-8")
    assert json.loads(tokenizer) == {"version": "1.0", "truncation": None, "padding": None, "model": {"é": 1}}
    assert json.loads((one / "config.json").read_text(encoding="utf-8"))["tie_word_embeddings"] is False


def test_halves_with_different_embeddings_are_refused(source, tmp_path):
    other = quantized("enc.embed_tokens.weight", np.ones((11, 8), np.uint8), 1.5, 140)
    (source / "encoder.onnx").write_bytes(model(*half(ENCODER, "enc.", np.random.default_rng(0)), other))
    with pytest.raises(CourseError, match="different embeddings"):
        unpacked(source, tmp_path / "made")


def test_a_file_that_is_cut_off_is_refused(source, tmp_path):
    decoder = source / "decoder.onnx"
    decoder.write_bytes(decoder.read_bytes()[:-100])
    with pytest.raises(CourseError, match="cut off"):
        unpacked(source, tmp_path / "made")


def test_the_manifest_names_this_reader():
    assert assets.READERS[assets.load_manifest()["flan-t5"].reader] is flan_t5


# --- the real package -----------------------------------------------------------------------------


@pytest.mark.slow
def test_rounding_to_float16_moves_no_weight_by_more_than_6_percent_of_a_quantization_step(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)            # the package is not kept: it is fetched again
    monkeypatch.delenv("PYTHONPATH", raising=False)
    try:
        packed = assets.load_manifest()["flan-t5"].sources[0].read(tmp_path)
    except Exception as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"NOT COMPARED: the package cannot be fetched ({error})")
    kept = load_file(assets.path("flan-t5") / "model.safetensors")
    moved = {}
    for file, (theirs, ours) in HALVES.items():
        graph = load_graph((packed / file).read_bytes())
        matrices = {weight_name(node): matrix for node, matrix in graph.products.items()}
        for name, values in parameters(graph).items():
            scale = graph.constants.get(matrices.get(name, name).removesuffix(QUANTIZED) + "_scale")
            saved = ours + name.removeprefix(theirs)
            if scale is not None and saved in kept:
                moved[saved] = np.abs(kept[saved].astype(np.float32) - values).max() / scale
    assert len(moved) == 8 * (7 + 11) + 1 + 2 + 1                  # products, output, distances, embedding
    assert max(moved.values()) < 0.06
