// A C++ extension whose work lies in a class of its own, below the function that Python calls.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <algorithm>
#include <vector>

namespace sampan_plus {

class Grinder {
 public:
  __attribute__((noinline)) long grind(long rounds) {
    for (long i = 0; i < rounds; ++i) values_[static_cast<unsigned long>(i) % values_.size()] = i * 7919 % 104729;
    std::sort(values_.begin(), values_.end());
    return values_[0];
  }

 private:
  std::vector<long> values_ = std::vector<long>(5000);
};

PyObject* work(PyObject*, PyObject* rounds) { return PyLong_FromLong(Grinder().grind(PyLong_AsLong(rounds))); }

PyMethodDef methods[] = {{"work", work, METH_O, nullptr}, {nullptr, nullptr, 0, nullptr}};
PyModuleDef module = {PyModuleDef_HEAD_INIT, "sampan_plus", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace sampan_plus

PyMODINIT_FUNC PyInit_sampan_plus() { return PyModule_Create(&sampan_plus::module); }
