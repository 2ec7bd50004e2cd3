"""Records a training in PyTorch; replays its collapse there.

```python
recorder = flameout.torch.Recorder(model, optimizer, scheduler=scheduler, out="crash", memory="1 GiB")
for x, y in loader:
    with recorder.step(x, y) as step:
        loss = step.loss(loss_fn(model(x), y))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    if recorder.caught:
        break
print(recorder.diagnose(train_step))
```
"""

from flameout.torch.recorder import Recorder, Step

__all__ = ["Recorder", "Step"]
