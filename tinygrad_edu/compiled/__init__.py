"""jit: record a function once, and run the recording at the machine's speed.

calling.py    the function under jit: when to record, when to run
arguments.py  what comes in, and what goes out
version.py    one recording, and what runs it
lookup.py     what the function looks up outside
answers.py    what it found, in a form that can be compared
dice.py       random draws
binding.py    what a program reads and writes outside
recorder.py   what it does, written down
program.py    the result: a flat list of operations
plan.py       two recordings become one program; what is not needed is left out
numpy_executor.py   runs it with NumPy, equal to the last bit
c_*.py       runs it as C, equal to rounding
"""

from .calling import JitWarning, jit
from .program import Program

__all__ = ["JitWarning", "Program", "jit"]
