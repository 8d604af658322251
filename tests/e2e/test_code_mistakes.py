"""Mistakes in an aggregate in Go and JavaScript: the client is told of a mistake, not of a refusal, and the others go on.

Python has a file of its own.
"""

import json
import shutil
import subprocess

import grpc
import pytest
from harness import BUILD, failure, runtime

MODULE_CACHE = BUILD / "module-cache"
GO = """package main

import (
	"errors"

	"thalo"
)

type Turn struct {
	How string `json:"how"`
}
type Turned struct {
	How string `json:"how"`
}
type Wheel struct {
	Turns int
	id    string
}

func (w *Wheel) SetID(id string) {
	if id == "unborn" {
		panic("no spokes")
	}
	w.id = id
}

func (w *Wheel) Kinds() thalo.Kinds {
	return thalo.Kinds{Commands: thalo.Types{Turn{}}, Events: thalo.Types{Turned{}}}
}

func (w *Wheel) Handle(command thalo.Command, _ thalo.Context) ([]thalo.Event, error) {
	how := command.(Turn).How
	var missing *Wheel
	switch how {
	case "bug":
		return thalo.Emit(Turned{missing.id})
	case "error":
		return nil, errors.New("closed")
	}
	return thalo.Emit(Turned{how})
}

func (w *Wheel) Apply(thalo.Event) { w.Turns++ }

func init() { thalo.Export[Wheel]() }

func main() {}
"""
JAVASCRIPT = """import { string } from "@thalo/aggregate";

export default class Wheel {
  static commands = { Turn: { how: string } };
  static events = { Turned: { how: string } };
  turns = 0;
  constructor(id) {
    if (id === "unborn") this.spokes.count;
  }
  handle({ how }) {
    if (how === "bug") return { type: "Turned", how: this.spokes.how };
    if (how === "error") throw new Error("closed");
    return { type: "Turned", how };
  }
  apply() {
    this.turns += 1;
  }
}
"""
LANGUAGES = {
    "go": (["go"], {"wheel.go": GO, "go.mod": "module wheel\n\ngo 1.24\n\nrequire thalo v0.9.0\n"}, "'panic'", "SetID panicked: no spokes", '{"type":"Rejected","message":"closed"}'),
    "javascript": (["node", "npm"], {"wheel.js": JAVASCRIPT}, "'TypeError'", "the constructor threw TypeError: ", '{"type":"Error","message":"closed"}'),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mistake_fails_the_command_and_an_error_refuses_it(language, tmp_path):
    tools, files, name, unborn, refusal = LANGUAGES[language]
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} on this machine")
    (tmp_path / "wheel").mkdir()
    for file, text in files.items():
        (tmp_path / "wheel" / file).write_text(text)
    built = subprocess.run([BUILD / "bin" / "thalo", "build", tmp_path / "wheel", "-o", tmp_path / "modules"], capture_output=True, text=True, timeout=900)
    assert built.returncode == 0, built.stderr
    with runtime(tmp_path, "--module-cache-path", MODULE_CACHE, "--shards", "1", seconds=600) as server:
        turn = lambda id, how: server.execute("wheel", id, "Turn", json.dumps({"how": how}))
        assert len(turn("a", "round").accepted.events) == 1
        code, details = failure(lambda: turn("a", "bug"))
        assert code == grpc.StatusCode.FAILED_PRECONDITION, details
        assert "module 'wheel'" in details and f"{name}: it is no refusal but a mistake in the code" in details, details
        assert turn("a", "error").rejected.error == refusal
        for _ in range(2):
            code, details = failure(lambda: turn("unborn", "round"))
            assert code == grpc.StatusCode.FAILED_PRECONDITION and unborn in details, details
        assert len(turn("a", "round").accepted.events) == 1
        assert [event.position for event in server.events("wheel-a")] == [0, 1]
