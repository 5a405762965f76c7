"""`asl_lib`: what the notebooks of the sign language recognition course do, in one small package."""

__version__ = "0.1.0"
