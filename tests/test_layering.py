"""The arrows between packages, and between the modules of the runtime, point one way."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import retouch
import runtime

ROOT = Path(__file__).parent.parent
PACKAGES = ("runtime", "export", "service", "train")

# Each module may import only those before it.
RUNTIME_ORDER = (
    *("version", "errors", "params", "closed_json", "built_for", "projection", "manifest", "ports"),
    *("noise", "samplers", "guidance", "rng", "progress"),  # so far pure: stdlib and numpy
    *("chinese", "translation"),
    *("nvidia", "bundle", "weights", "request", "scheduler", "stats", "cache"),
    *("backends", "image", "png", "provenance", "text", "content"),
    *("graphs", "runner", "replacement", "engine", "editor", "worker"),
    *("__init__", "doctor", "files", "bench", "cli"),
)
CHINESE_ORDER = (
    *("words", "effects", "lexicon", "phrase", "nouns", "grammar", "looks", "edits", "whole"),
    *("rules", "offline", "marian", "distil"),
)
PURE = frozenset(RUNTIME_ORDER[:13])
INFERENCE = frozenset({"openvino", "onnxruntime", "tensorrt", "tensorrt_rtx", "cuda"})
TRAINING = frozenset({"torch", "diffusers", "transformers", "onnx", "onnxscript", "cv2"})


def imports(file: Path) -> Iterator[str]:
    """Absolute names of all modules that a file imports, wherever it does so."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            assert node.module is not None
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name for name in names if _file_of(name)]  # from runtime import manifest
            yield from modules
            if len(modules) < len(names):
                yield node.module


def _file_of(module: str) -> Path | None:
    path = ROOT / module.replace(".", "/")
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def files(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found
    return found


def edges(package: str) -> list[tuple[Path, str]]:
    return [(file, name) for file in files(package) for name in imports(file)]


def top(name: str) -> str:
    return name.partition(".")[0]


def module_of_runtime(name: str) -> str:
    """`runtime.backends.ort` -> backends; `runtime` -> __init__."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def allowed(package: str, file: Path, name: str) -> bool:
    if top(name) == package:
        return True
    if package == "export":
        contracts = PURE | {"bundle", "nvidia", "weights"}
        verifies = file.name == "verify.py"
        return top(name) == "runtime" and (verifies or module_of_runtime(name) in contracts)
    if package == "train":
        return top(name) == "runtime" and module_of_runtime(name) in PURE
    return package == "service" and top(name) == "runtime"


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_along_the_arrows(package: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file, name in edges(package)
        if top(name) in (*PACKAGES, "retouch", "tests") and not allowed(package, file, name)
    ]
    assert not wrong


def test_the_runtimes_modules_import_only_what_comes_before_them() -> None:
    wrong = []
    for file, name in edges("runtime"):
        if top(name) != "runtime":
            continue
        importer = module_of_runtime(".".join(file.relative_to(ROOT).with_suffix("").parts))
        imported = module_of_runtime(name)
        if importer == imported == "backends":
            own = f"runtime.backends.{file.parent.name}."
            allowed_here = name == "runtime.backends.base" or name.startswith(own)
            assert allowed_here, f"{file.name} imports {name}"
        elif importer == imported == "chinese":
            assert CHINESE_ORDER.index(name.rpartition(".")[2]) < CHINESE_ORDER.index(file.stem)
        elif importer == imported:  # another package of its own
            continue
        elif RUNTIME_ORDER.index(imported) >= RUNTIME_ORDER.index(importer):
            wrong.append(f"{importer} imports {imported}")
    assert not wrong


def test_the_pure_modules_need_only_numpy() -> None:
    for module in PURE:
        for name in imports(ROOT / "runtime" / f"{module}.py"):
            assert top(name) in sys.stdlib_module_names | {"numpy", "runtime"}, (module, name)


@pytest.mark.parametrize("package", ["runtime", "service"])
def test_nothing_that_serves_imports_what_trains(package: str) -> None:
    assert not [(file, name) for file, name in edges(package) if top(name) in TRAINING]


def test_inference_libraries_are_imported_in_backends_alone() -> None:
    users = {
        file.relative_to(ROOT).parts[:2]
        for package in ("runtime", "service", "train")
        for file, name in edges(package)
        if top(name) in INFERENCE
    }
    assert users == {("runtime", "backends")}


TRANSLATION = {"ctranslate2", "sentencepiece"}
OTHERS = {"bentoml", "accelerate", "safetensors", "typer", "rich"}
BLOCKED = sorted(INFERENCE | TRAINING | TRANSLATION | OTHERS)


@pytest.mark.parametrize("module", ["runtime", "retouch", "runtime.backends.fake", "runtime.cli"])
def test_imports_need_no_optional_library(module: str) -> None:
    """The command line needs typer and rich, which are always installed."""
    blocked = [name for name in BLOCKED if module != "runtime.cli" or name not in ("typer", "rich")]
    code = f"import sys; sys.modules.update(dict.fromkeys({blocked})); import {module}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["export", "--help"]])
def test_the_command_line_needs_no_training_library(arguments: list[str]) -> None:
    """The serving environment has the whole command, and none of these."""
    blocked = sorted(TRAINING | {"onnxruntime", "tensorrt"})
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked}));"
        f"sys.argv = ['retouch', *{arguments}]; import retouch; retouch.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_command_line_of_an_image_has_what_the_image_has() -> None:
    code = (
        "import sys; sys.modules.update(export=None, train=None); sys.argv = ['retouch', '--help'];"
        "import retouch; retouch.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    listed = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("│ ")}
    assert {"edit", "serve", "doctor"} <= listed
    assert not {"export", "train"} & listed


@pytest.mark.parametrize("package", PACKAGES)
def test_an_init_file_holds_imports_and_names_alone(package: str) -> None:
    for file in (ROOT / package).rglob("__init__.py"):
        for node in ast.parse(file.read_text("utf-8")).body:
            documented = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            assert documented or isinstance(node, ast.ImportFrom | ast.Assign), file


def imported_by(file: Path) -> set[str]:
    body = ast.parse(file.read_text("utf-8")).body
    found = [node for node in body if isinstance(node, ast.ImportFrom)]
    names = {alias.asname or alias.name for node in found for alias in node.names}
    return names - {"annotations"}


def test_the_public_names_are_exactly_what_is_imported() -> None:
    for module in (runtime, retouch):
        assert module.__file__ is not None
        assert list(module.__all__) == sorted(module.__all__)
        assert set(module.__all__) == imported_by(Path(module.__file__))
        assert all(hasattr(module, name) for name in module.__all__)


def test_the_front_door_shows_only_public_names_of_the_runtime() -> None:
    for name in retouch.__all__:
        assert getattr(retouch, name) is getattr(runtime, "open_editor" if name == "open" else name)
