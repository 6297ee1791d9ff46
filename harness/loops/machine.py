"""This machine, as LLVM knows it: what it compiles for, and how it loads what was compiled."""

from __future__ import annotations

from functools import cache
from typing import Any

import llvmlite
import llvmlite.binding as llvm


@cache
def _target() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        jit=True,
        codemodel="jitdefault",
    )


def described() -> str:
    """Name all that machine code depends on: LLVM's version, and the processor with its features."""
    features = llvm.get_host_cpu_features().flatten()
    return f"{llvmlite.__version__} {llvm.get_default_triple()} {llvm.get_host_cpu_name()} {features}"


def assembled(code: str) -> bytes:
    """Return an object file of LLVM's intermediate code, for this machine."""
    made: bytes = _target().emit_object(llvm.parse_assembly(code))
    return made


def loaded(object_code: bytes, symbol: str) -> tuple[int, Any]:
    """Load an object file; return the address of a function in it, and what must be kept as long as that is used."""
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target())
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(object_code))
    engine.finalize_object()
    return engine.get_function_address(symbol), engine
