"""The book, reproduced: Nielsen's own experiments, over several seeds, beside his numbers.

python -m benchmarks.reproduce --help
"""
