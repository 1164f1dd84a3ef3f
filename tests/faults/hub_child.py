"""What a child process of test_named_models.py runs: `python -m tests.faults.hub_child resolve|load NAME …`.

The hub's client reads HF_ENDPOINT and its other settings once, when it is imported: hence a process of its own. The
last line of the output is JSON; the lines before it are what a reader would see.
"""

import json
import sys
from pathlib import Path

connections: list[str] = []


def note(event: str, arguments: tuple) -> None:
    """Audit hook: remember to whom a socket is connected."""
    if event == "socket.connect":
        connections.append(str(arguments[1]))


def try_out(loaded) -> list[float] | str:
    """What the loaded model can do: generate after a text, or encode it."""
    import torch

    if loaded.name == "es_en":
        from course_utils.recipes.translation import translate

        return translate(loaded.model, ["El gato duerme."])[0]
    encoded = loaded.tokenizer("The hub is a room", return_tensors="pt")
    encoded.pop("token_type_ids", None)
    if loaded.model.can_generate():
        out = loaded.model.generate(**encoded, max_new_tokens=4, min_new_tokens=4, do_sample=False, num_beams=1)
        return out[0].tolist()
    with torch.no_grad():
        output = loaded.model(**encoded)
    return list(output[0].shape)                                   # logits (B, T, V), or hidden states (B, T, D)


def main() -> None:
    """Resolve each name, where the folder of a stand-in is named but need not exist; or load each, from real assets."""
    sys.addaudithook(note)
    from course_utils import named_models

    what, *wanted = sys.argv[1:]
    answers = []
    for name in wanted:
        if what == "resolve":
            found = named_models.resolve(name, stand_in_folder=lambda asset: Path("stand-ins") / asset)
            answers.append({"folder": str(found.folder), "stand_in": found.stand_in})
        else:
            loaded = named_models.load_named(name)
            about = {"name": loaded.name, "stand_in_for": loaded.stand_in_for, "class": type(loaded.model).__name__}
            answers.append({**about, "tried": try_out(loaded)})
    print(json.dumps({"answers": answers, "connections": connections}))


main()
