"""What an end-to-end test needs of the machine. Where it is missing the test ends as skipped (77), with the reason."""
import os
import shutil
import sys
from pathlib import Path

MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def programs(*names):
    for name in names:
        if not shutil.which(name):
            skip(f"{name} is not installed")
    try:
        import desktop  # noqa: F401  (its bindings are looked for)
    except (ImportError, ValueError) as error:
        skip(f"the accessibility bindings are not installed: {error}")


def default_model():
    model = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "lemma/models" / MODEL
    if not model.exists():
        skip(f"the default model is not at {model}")
    return model


def pictures():
    """The folder that pictures go to, where a person wants some."""
    return Path(os.environ["LEMMA_E2E_PICTURES"]) if "LEMMA_E2E_PICTURES" in os.environ else None
