"""Records a training in Keras 3, on JAX, TensorFlow or PyTorch; replays its collapse there.

```python
recorder = flameout.keras.Recorder(out="crash", memory="1 GiB", stop=True)
model.fit(x, y, epochs=100, callbacks=[recorder])
print(recorder.diagnose())
```
"""

from flameout.keras.recorder import Recorder

__all__ = ["Recorder"]
