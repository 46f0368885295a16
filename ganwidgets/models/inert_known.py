"""Names of Python, torch and numpy by what a pickle may do with them: make data, be mentioned, or nothing at all.

The tables are all there is: nothing is looked up in a library.
"""

import re
import sys

OLD = {"__builtin__": "builtins", "copy_reg": "copyreg", "numpy._core": "numpy.core"}
"""Modules by names they had, or have, elsewhere."""

PLAIN = {
    *("argparse.Namespace", "types.SimpleNamespace", "functools.partial", "uuid.UUID", "decimal.Decimal"),
    *("fractions.Fraction", "torch.Generator", "torch.nn.backends.thnn._get_thnn_function_backend"),
    *(f"datetime.{kind}" for kind in ("date", "datetime", "time", "timedelta", "timezone")),
    *(f"{place}.{kind}" for place in ("pathlib", "pathlib._local") for kind in
      ("Path", "PurePath", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")),
    *(f"builtins.{kind}" for kind in ("object", "slice", "range", "complex")),
    *(f"numpy.random.{maker}" for maker in
      ("_pickle.__randomstate_ctor", "_pickle.__generator_ctor", "_pickle.__bit_generator_ctor",
       "bit_generator.__pyx_unpickle_SeedSequence", "bit_generator.SeedSequence", "_mt19937.MT19937", "_pcg64.PCG64",
       "_pcg64.PCG64DXSM", "_philox.Philox", "_sfc64.SFC64")),
}  # fmt: skip
"""Names of Python, torch and numpy for plain data: calling them makes a stub."""

MENTIONED = {
    *(f"builtins.{kind}" for kind in ("int", "float", "str", "bool", "bytes", "type", "NoneType")),
    *(f"enum.{kind}" for kind in ("Enum", "IntEnum", "StrEnum", "Flag", "IntFlag")),
}
"""Names that may be mentioned but not called."""

_FOREIGN_TOOLS = {
    *("dill", "cloudpickle", "joblib", "pip", "setuptools", "pkg_resources", "IPython", "ipykernel", "pytest"),
    *("_pytest", "nose", "nt", "posix", "ce", "commands", "popen2", "urllib2", "cPickle", "cStringIO", "StringIO"),
    *("imp", "distutils", "asyncore", "asynchat", "smtpd", "pipes", "telnetlib", "lib2to3", "__builtins__"),
}
"""Roots of names that run what they are given, besides those of Python's library of today."""

UNREAD = {
    "torch._utils._rebuild_qtensor": "holds quantised tensors, which are not read: save them as float32",
    "torch._utils._rebuild_sparse_tensor": "holds sparse tensors, which are not read: save them with .to_dense()",
    "torch._utils._rebuild_sparse_csr_tensor": "holds sparse tensors, which are not read: save them with .to_dense()",
    "torch._utils._rebuild_nested_tensor": "holds nested tensors, which are not read: save plain ones",
    "torch._utils._rebuild_meta_tensor_no_storage": "holds tensors without data (device 'meta'): save loaded ones",
}
"""What is told by its name, though it would not run code."""


def is_name(module: str, name: str) -> bool:
    """Whether these are names of a class or function, and not of what lies behind one (`f.__globals__`)."""
    plain = all(part.isidentifier() for part in module.split("."))
    if module.startswith("pandas."):
        name = name.removeprefix("__pyx_")  # what Cython calls the functions that make its objects
    return plain and all(part.isidentifier() and not part.startswith("__") for part in name.split("."))


def may_be_named(root: str, full: str) -> bool:
    """Whether a name may stand in a file, called or not."""
    if root == "torch":
        if re.fullmatch(r"torch\._C\.(_nn\.\w+|_special\.\w+|_VariableFunctions(Class)?|_?TensorBase)", full):
            return True  # what functions are kept under; none can be called
        return bool(re.match(r"torch\.(nn\.|optim\.|cuda\.\w+Storage|storage\.\w*Storage|[A-Za-z]\w*$)", full))
    if root == "numpy":
        kinds = "float|u?int|complex|bool|str|bytes|void|object"
        return bool(re.fullmatch(rf"numpy\.(ndarray|dtypes\.\w+|({kinds})\d*_?)", full))
    if root == "typing":
        return True
    return root not in sys.stdlib_module_names and root not in _FOREIGN_TOOLS and root != "builtins"


def has_attributes(full: str) -> bool:
    """Whether an attribute of what bears this name may be mentioned."""
    return full.startswith("torch.") or (is_foreign(full) and full.partition(".")[0] not in sys.stdlib_module_names)


def is_foreign(full: str) -> bool:
    """Whether a call of this name makes a stub: a class or function of no library that is known here."""
    if re.fullmatch(r"torch\.(nn|optim)\.(\w+\.)*_?[A-Z]\w*", full):
        return True
    return full.partition(".")[0] not in ("torch", "numpy", "typing", "builtins") and full not in MENTIONED
