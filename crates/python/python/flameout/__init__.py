"""Records a training in PyTorch or Keras, replays its collapse there with one thing changed, and names the cause.

- `flameout.torch.Recorder` records a training in PyTorch, `flameout.keras.Recorder` one in Keras 3;
- `judge` and `read_log` say what curves and logs tell of a run;
- `WordVectors` and `Embedder` give words vectors.
"""

from flameout._native import Curve, Embedder, WordVectors, read_log
from flameout.diagnosis import Diagnosis
from flameout.guard import Action, Guard, Stopped
from flameout.judgement import Event, Judgement, judge

__all__ = [
    "Action",
    "Curve",
    "Diagnosis",
    "Embedder",
    "Event",
    "Guard",
    "Judgement",
    "Stopped",
    "WordVectors",
    "judge",
    "read_log",
]
