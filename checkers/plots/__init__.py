"""Pictures of a judged history, each a class in a file of its own.

matplotlib is imported by the modules of this package only, with its object-oriented interface: nothing here
changes the state of a program that draws with it too.
"""
