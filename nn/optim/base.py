"""Optimizer: what all optimizers share.  A step moves every parameter, or none."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import DataError, DtypeError, GradientError, Tensor, capturing, no_grad

from .settings import SETTINGS, Group

__all__ = ["Array", "Optimizer", "State"]

Array = npt.NDArray[Any]
State = dict[str, Any]  # what an optimizer remembers of one parameter: arrays of its shape, and the count of steps


class Optimizer:
    """Base class: moves parameters against their gradients, by the equation in `update`.

    params    Tensors, as net.parameters(); or groups with settings of their own:
              [{"params": hidden.parameters()}, {"params": [w, b], "lr": 0.01}]
    defaults  the settings, for groups that do not give their own

    param_groups  the groups, as dicts; a setting may be changed between steps: param_groups[0]["lr"] = 0.01
    parameters    the Tensors of all groups, in order; one that is listed twice (tied) is there, and steps, once
    state         what the optimizer remembers of parameters[i], under i; a step makes a new dict

    A parameter without a gradient stays as it is, and so does its state; a gradient of zeros still steps.
    A gradient with NaN or infinity goes into the parameter and the state: nn.fit stops and restores both then;
    in a loop of your own, clip_grad_norm_(..., error_if_nonfinite=True) raises before the step.

    An optimizer of your own is its equation:

    >>> class SignSGD(Optimizer):
    ...     def __init__(self, params, lr=0.001):
    ...         super().__init__(params, {"lr": lr})
    ...
    ...     def update(self, w, g, s, lr):
    ...         return w - lr * np.sign(g), s

    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> SignSGD([w], lr=0.5).step()
    >>> w.tolist()
    [0.5, 1.5]
    """

    always: tuple[str, ...] = ()  # the names in the state of a parameter that has stepped
    sometimes: tuple[str, ...] = ()  # further names, which depend on the settings
    schedule_turn: object = None  # the mark of the schedule that sets lr: see nn.schedule

    def __init__(self, params: Iterable[Any], defaults: Mapping[str, Any]) -> None:
        self.defaults = dict(Group.of(defaults))
        code = type(self).update.__code__  # update names the settings, and gets them in its own order
        names = code.co_varnames[4 : code.co_argcount]
        if set(names) != set(self.defaults):
            raise DtypeError(
                f"{type(self).__name__}.update has to name every setting: "
                f"def update(self, w, g, s, {', '.join(self.defaults)})"
            )
        self._names = names
        self._read = operator.itemgetter("params", *names)
        self.param_groups: list[Group] = []
        self.parameters: list[Tensor] = []
        self.state: dict[int, State] = {}
        for group in self._groups(params):
            self.add_param_group(group)
        if not self.parameters:
            raise ValueError(f"{type(self).__name__} got no parameters: give it net.parameters()")

    def update(self, w: Array, g: Array, s: State, *settings: Any) -> tuple[Array, State]:
        """The new value and the new state of a parameter with value w, gradient g and state s ({} at first).

        A subclass defines it, and names its settings: update(self, w, g, s, lr, ...).  It writes into none of them.
        """
        raise TypeError(f"{type(self).__name__} does not say how it steps: define update(self, w, g, s, lr, ...)")

    # ---- the step ------------------------------------------------------------------------------------

    def zero_grad(self) -> None:
        """Forget every parameter's gradient, so that the next backward() starts afresh."""
        for p in self.parameters:
            p.grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient; all of them, or, if something fails, none."""
        if (capture := capturing()) is not None:
            self._record(capture)
            return
        update, before, after = self.update, self.state, self.state.copy()
        moves = []
        i = 0
        for group in self.param_groups:
            params, *settings = self._read(group)
            for p in params:
                if (g := p.grad) is not None:
                    w = p.data
                    new, s = update(w, g.data, before.get(i, {}), *settings)
                    moves.append((p, w, new))
                    if s:
                        after[i] = s
                i += 1
        try:
            for p, _, new in moves:
                p.assign(new, copy=False)
            self.state = after
        except BaseException:  # Ctrl-C in the middle: back to where all were
            self.state = before
            for p, w, _ in moves:
                p.assign(w, copy=False)
            raise

    def _record(self, jit: Any) -> None:
        """The step for a function under jit: the same equation on Tensors.

        Settings and state are read anew at every run of the program, and the new state is written at its end.
        Which names the state has, and which settings are 0 or no numbers, is part of the program.
        """
        groups, i = self.param_groups, 0
        jit.guard(lambda: self.param_groups is groups, True)  # load_state_dict and add_param_group make a new list
        for entries in (groups, *(group["params"] for group in groups)):
            jit.guard_entries(entries)
        jit.guard_method(self.update)
        for group in groups:
            settings = [_setting(jit, group, name) for name in self._names]
            for p in group["params"]:
                if p.grad is not None:
                    with no_grad():
                        self._record_one(jit, i, p, settings)
                i += 1

    def _record_one(self, jit: Any, i: int, p: Tensor, settings: list[Any]) -> None:
        """The step of parameter i."""
        names = jit.notes.get((id(self), i))  # of its state, if it has stepped before in this run
        if names is None:
            names = tuple(self.state.get(i, ()))
            jit.guard(lambda: tuple(self.state.get(i, ())), names)
        s: State = {name: jit.read(*self._stored(i, p, name)) for name in names}
        grad = p.grad
        assert grad is not None
        w, g = p.detach(), grad.detach()
        if not p.ndim:  # beside an array of one number a setting is weak, as a Python number is beside a single one
            w, g = w.reshape(1), g.reshape(1)
            s = {name: t if name == "step" else t.reshape(1) for name, t in s.items()}
        update: Any = self.update
        new, after = update(w, g, s, *settings)
        if not p.ndim:
            new = new.reshape(())
            after = {name: t if name == "step" else t.reshape(()) for name, t in after.items()}
        p.assign(new)
        jit.notes[id(self), i] = tuple(after)
        for name, value in after.items():
            jit.write(*self._stored(i, p, name, put=tuple(after)), value)

    def _stored(self, i: int, p: Tensor, name: str, put: tuple[str, ...] = ()) -> tuple[Any, ...]:
        """How jit reads one entry of the state, or writes it (put: all of its names): (key, name, function)."""

        def get() -> Any:
            value = self.state[i][name]
            return value if isinstance(value, int) else value[()]

        def store(value: Any) -> None:
            others = {key: v for key, v in self.state.get(i, {}).items() if key in put}
            self.state[i] = {**others, name: int(value) if name == "step" else np.asarray(value)}

        return (id(self), i, name), f"{name} of {p.name or ''.join(map(str, p.role or ())) or i}", store if put else get

    # ---- parameters and settings ---------------------------------------------------------------------

    def _groups(self, params: Any) -> list[Any]:
        name = type(self).__name__
        if isinstance(params, Tensor) or not isinstance(params, Iterable):
            raise DtypeError(f"{name} takes a list of parameters, as net.parameters(), not one {type(params).__name__}")
        given = _listed(params)
        if given and all(isinstance(group, Mapping) for group in given):
            return given
        return [{"params": given}] if given else []

    def add_param_group(self, group: Any) -> None:
        """Learn further parameters: {"params": [...], "lr": ...}; settings that are not given are the defaults."""
        name = type(self).__name__
        if not isinstance(group, Mapping) or "params" not in group:
            raise DtypeError(f'a group is a dict with its parameters, {{"params": [...]}}: got {group!r:.80}')
        if unknown := [key for key in group if key not in self.defaults and key in SETTINGS]:
            raise ValueError(f"{name} has no setting {unknown[0]!r}: it has {', '.join(self.defaults)}")
        params = [group["params"]] if isinstance(group["params"], Tensor) else _listed(group["params"])
        for p in params:
            if not isinstance(p, Tensor) or not p.requires_grad or p.op is not None:
                raise GradientError(f"{name} can only learn leaves that require a gradient, not {p!r:.80}")
        params = list({id(p): p for p in params}.values())  # a tied one once
        if {id(p) for p in params} & {id(p) for p in self.parameters}:
            raise ValueError("a parameter is in two groups: which learning rate is its own?  Put it into one")
        new = Group.of({"params": params, **self.defaults, **{k: v for k, v in group.items() if k != "params"}})
        self.param_groups, self.parameters = [*self.param_groups, new], [*self.parameters, *params]

    @property
    def lr(self) -> float:
        """The learning rate (of the first group); what is written here is the learning rate of all groups."""
        rate: float = self.param_groups[0]["lr"]
        return rate

    @lr.setter
    def lr(self, value: float) -> None:
        for group in self.param_groups:
            group["lr"] = value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'; '.join(map(repr, self.param_groups))})"

    # ---- to save and to load -------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Copies of the state and the settings, as arrays, numbers, lists and dicts.

        {"state": {0: {"momentum_buffer": array}, ...}, "param_groups": [{"lr": 0.1, ..., "params": [0, 1]}]}
        with parameters by their place, as PyTorch has it.
        """
        groups, first = [], 0
        for group in self.param_groups:
            last = first + len(group["params"])
            groups.append({**group, "params": list(range(first, last))})
            first = last
        return {"state": {i: _copied(s) for i, s in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave, settings too; all of it, or, if something does not fit, nothing.

        DataError if it belongs to other parameters (number, shapes, dtypes), to another kind of optimizer, or
        holds NaN or infinity.
        """
        try:
            given, saved = dict(state_dict["state"]), list(state_dict["param_groups"])
        except (TypeError, KeyError, ValueError):
            raise DataError('the state of an optimizer is a dict with "state" and "param_groups"') from None
        mine = self.state_dict()["param_groups"]
        sizes, wanted = [len(g.get("params", ())) for g in saved], [len(g["params"]) for g in mine]
        if sizes != wanted:
            raise DataError(f"the state is of groups with {sizes} parameters, and this optimizer has {wanted}")
        groups = []
        for number, (group, own) in enumerate(zip(saved, self.param_groups, strict=True)):
            if missing := [name for name in self.defaults if name not in group]:
                raise DataError(f"group {number} has no {missing[0]!r}: is it the state of another kind of optimizer?")
            if unknown := [name for name in group if name in SETTINGS and name not in self.defaults]:
                raise DataError(f"group {number} has {unknown[0]!r}, which {type(self).__name__} has not")
            try:
                groups.append(Group.of({**group, "params": own["params"]}))
            except (TypeError, ValueError) as error:
                raise DataError(f"group {number}: {error}") from None
        state = {i: s for i, s in (self._fitting(key, s) for key, s in given.items()) if s}
        before = self.state, self.param_groups
        try:
            self.state, self.param_groups = state, groups
        except BaseException:  # Ctrl-C between the two
            self.state, self.param_groups = before
            raise

    def _fitting(self, key: Any, given: Any) -> tuple[int, State]:
        """The place of a parameter and its state, copied; DataError if they cannot be this optimizer's."""
        try:
            i = int(key)  # a JSON file makes it text
            p, s = self.parameters[i] if i >= 0 else None, dict(given)
        except (TypeError, ValueError, IndexError):
            p = None
        if p is None:
            raise DataError(f"state[{key!r}]: the parameters are numbered 0 to {len(self.parameters) - 1}")
        if s and not set(self.always) <= set(s) <= {*self.always, *self.sometimes}:
            names = ", ".join((*self.always, *self.sometimes)) or "nothing"
            raise DataError(f"state[{i}] holds {', '.join(map(str, s))}, and {type(self).__name__} keeps {names}")
        for name, value in s.items():
            if name == "step":
                s[name] = _count(i, value)
                continue
            array = np.array(value)
            if array.shape != p.shape or array.dtype != p.dtype:
                raise DataError(
                    f"state[{i}][{name!r}] has shape {array.shape} and dtype {array.dtype}, "
                    f"and parameter {i} has {p.shape} and {p.dtype}"
                )
            if not np.isfinite(array).all():
                raise DataError(f"state[{i}][{name!r}] holds NaN or infinity")
            s[name] = array
        return i, s


def _setting(jit: Any, group: Any, name: str) -> Any:
    """A setting for a function under jit: numbers are read at every run, the others are part of the program."""
    value = group[name]
    if isinstance(value, tuple):
        entries = [(id(group), name, k) for k in range(len(value))]
        return tuple(_number(jit, key, f"{name}[{key[2]}]", partial(_entry, group, name, key[2])) for key in entries)
    return _number(jit, (id(group), name), name, partial(operator.getitem, group, name))


def _entry(group: Any, name: str, k: int) -> Any:
    return group[name][k]


def _number(jit: Any, key: Any, name: str, get: Callable[[], Any]) -> Any:
    value = get()
    if isinstance(value, float) and value != 0:
        return jit.read(key, name, get)
    jit.guard(get, value)
    return value


def _listed(params: Any) -> list[Any]:
    if isinstance(params, set | frozenset):
        raise DtypeError("parameters come as a list: a set has another order in every run, and the state goes by place")
    return list(params)


def _copied(s: State) -> State:
    return {name: value if isinstance(value, int) else np.array(value) for name, value in s.items()}


def _count(i: int, value: Any) -> int:
    try:
        steps = operator.index(value)
    except TypeError:
        steps = -1
    if steps < 0:
        raise DataError(f"state[{i}]['step'] counts steps: got {value!r:.60}")
    return steps
