"""The same work in this project and in its peers, side by side in one run:  python -m benchmarks --help"""
