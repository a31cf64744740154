"""Quick settings of XLA for programs that run once."""

import jax
import jax.numpy as jnp
import pytest

from voxjax.train import compiler_options


def double(kind, x):
    return (2 if kind == "double" else 1) * x


def test_quick_settings_are_for_a_cpu_and_yield_to_the_users(monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    assert compiler_options.quick("cpu")["xla_backend_optimization_level"] == 0
    assert compiler_options.quick("gpu") == compiler_options.quick("tpu") == {}
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=2")
    assert set(compiler_options.quick("cpu")) == {"xla_cpu_use_fusion_emitters", "xla_llvm_disable_expensive_passes"}


def test_a_function_is_compiled_once_for_each_static_value():
    one = compiler_options.compiled_once(double, "kind", "cpu")
    assert one is compiler_options.compiled_once(double, "kind", "cpu")
    assert float(one("double", jnp.float32(3))) == 6 and float(one("same", jnp.float32(3))) == 3
    before = one._cache_size()
    one("double", jnp.float32(4))
    assert one._cache_size() == before == 2


def test_a_wrong_setting_is_refused():

    with pytest.raises(Exception, match="xla_no_such_setting"):
        jax.jit(lambda x: x + 1, compiler_options={"xla_no_such_setting": 1})(jnp.float32(1))
