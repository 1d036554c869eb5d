"""Builds the two extensions; needs Cython and setuptools."""
from Cython.Build import cythonize
from setuptools import Extension, setup

setup(name="sampan_mixed", ext_modules=cythonize([Extension("sampan_cython", ["sampan_cython.pyx"]),
                                                  Extension("sampan_plus", ["sampan_plus.cpp"], language="c++")], quiet=True))
