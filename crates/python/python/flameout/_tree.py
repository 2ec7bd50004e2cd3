"""Takes nested lists, tuples and dictionaries apart into tensors, by name, and a skeleton of JSON; puts them together again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar


class _Tensor(Protocol):
    @property
    def nbytes(self) -> int: ...


Tensor = TypeVar("Tensor", bound=_Tensor)


class Tree(Generic[Tensor]):
    """Tensors by name, and the skeleton that holds them."""

    __slots__ = ("skeleton", "tensors")

    def __init__(self, tensors: Mapping[str, Tensor], skeleton: Any) -> None:
        self.tensors = tensors
        self.skeleton = skeleton

    @classmethod
    def of(cls, nested: Any, tensor_of: Callable[[Any], Tensor | None], what: str) -> Tree[Tensor]:
        """Take `nested` apart; `tensor_of` returns a tensor for what is kept as one, and `None` for what is not."""
        tensors: dict[str, Tensor] = {}

        def apart(value: Any, path: str) -> Any:
            tensor = tensor_of(value)
            if tensor is not None:
                tensors[path] = tensor
                return {"tensor": path}
            if value is None or isinstance(value, (bool, int, float, str)):
                return {"value": value}
            if isinstance(value, dict):
                return {"dict": [[_key(key, path), apart(item, f"{path}/{key}")] for key, item in value.items()]}
            if isinstance(value, (list, tuple)):
                kind = "list" if isinstance(value, list) else "tuple"
                return {kind: [apart(item, f"{path}/{number}") for number, item in enumerate(value)]}
            raise TypeError(
                f"{path} is a {type(value).__name__}, which cannot be written down; "
                "tensors, numbers, text, lists, tuples and dictionaries can"
            )

        return cls(tensors, apart(nested, what))

    @property
    def bytes(self) -> int:
        """The memory that the tensors take."""
        return sum(int(tensor.nbytes) for tensor in self.tensors.values())

    def together(self) -> Any:
        """Put everything together again; the tensors are those of this tree, not copies."""

        def build(part: dict[str, Any]) -> Any:
            ((kind, content),) = part.items()
            if kind == "tensor":
                return self.tensors[content]
            if kind == "value":
                return content
            if kind == "dict":
                return {key: build(item) for key, item in content}
            built = [build(item) for item in content]
            return built if kind == "list" else tuple(built)

        return build(self.skeleton)


def _key(key: Any, path: str) -> str | int:
    if isinstance(key, (str, int)) and not isinstance(key, bool):
        return key
    raise TypeError(f"{path} has the key {key!r}; keys must be text or whole numbers")
