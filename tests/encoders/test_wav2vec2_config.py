"""The layout files of the wav2vec 2.0 family: read, or an error of one line."""

import json

import pytest

from voxjax.encoders import wav2vec2_config
from voxjax.encoders.wav2vec2_config import Config
from voxjax.errors import VoxJaxError


def write(folder, layout, preprocessor):
    (folder / "config.json").write_text(json.dumps(layout))
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))


def test_missing_fields_get_defaults_and_unknown_fields_are_ignored(tmp_path):
    layout = {"model_type": "wavlm", "hidden_size": 1024, "num_attention_heads": 16, "architectures": ["WavLMModel"]}
    write(tmp_path, {**layout, "adapter_attn_dim": None, "hidden_act": "gelu"}, {"do_normalize": False})
    expected = Config(model_type="wavlm", do_normalize=False, hidden_size=1024, num_attention_heads=16)
    assert wav2vec2_config.read(tmp_path, "wavlm") == expected
    assert wav2vec2_config.parsed(wav2vec2_config.text(expected)) == expected


FIXED = {"do_normalize": True, "sampling_rate": 16_000}


@pytest.mark.parametrize(
    ("layout", "preprocessor", "message"),
    [
        ({}, FIXED, "model_type: expected one of hubert, wav2vec2, wavlm, found None"),
        ({"model_type": "wav2vec"}, FIXED, "did you mean 'wav2vec2'"),
        ({"model_type": "wav2vec2"}, {}, "do_normalize: expected a value of type bool, found None"),
        ({"model_type": "wav2vec2", "do_normalize": True}, {}, "do_normalize: expected a value of type bool"),
        ({"model_type": "hubert"}, {**FIXED, "sampling_rate": 8000}, "sampling_rate: expected 16000, found 8000"),
        ({"model_type": "hubert", "hidden_act": "relu"}, FIXED, "hidden_act: expected gelu, found 'relu'"),
        ({"model_type": "hubert", "conv_pos_batch_norm": True}, FIXED, "conv_pos_batch_norm: expected False"),
        ({"model_type": "wav2vec2", "adapter_attn_dim": 16}, FIXED, "adapter_attn_dim: expected None, found 16"),
        ({"model_type": "wavlm", "hidden_size": "768"}, FIXED, "hidden_size: expected a value of type int"),
        ({"model_type": "wavlm", "hidden_size": 0}, FIXED, "hidden_size: expected a number from 1"),
        ({"model_type": "wavlm", "conv_dim": [512, 0]}, FIXED, "conv_dim: expected a number from 1"),
        ({"model_type": "wavlm", "conv_dim": [512, 512]}, FIXED, "same layers, found 2, 7 and 7"),
        ({"model_type": "wavlm", "num_attention_heads": 7}, FIXED, "num_attention_heads: expected a divisor"),
        ({"model_type": "wavlm", "num_conv_pos_embedding_groups": 7}, FIXED, "embedding_groups: expected a divisor"),
        ({"model_type": "wavlm", "num_buckets": 3}, FIXED, "num_buckets: expected a number from 4"),
        ({"model_type": "wavlm", "max_bucket_distance": 80}, FIXED, "max_bucket_distance: expected a number from 81"),
        ({"model_type": "wavlm", "feat_extract_norm": "batch"}, FIXED, "feat_extract_norm: expected one of"),
        ({"model_type": "wav2vec2"}, FIXED, "model_type: expected wavlm, found wav2vec2; set config.features.encoder"),
        ({"model_type": "wavlm", "conv_stride": [5] * 7}, FIXED, "strides that make 20 ms, found 78125 samples"),
        ([], FIXED, "expected an object, found list"),
    ],
)
def test_an_unsupported_layout_is_an_error_of_one_line(tmp_path, layout, preprocessor, message):
    write(tmp_path, layout, preprocessor)
    with pytest.raises(VoxJaxError, match=message) as caught:
        wav2vec2_config.read(tmp_path, "wavlm")
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_missing_or_damaged_file_is_named(tmp_path, name):
    write(tmp_path, {"model_type": "wavlm"}, FIXED)
    (tmp_path / name).write_text("{")
    with pytest.raises(VoxJaxError, match=f"{name}: expected JSON"):
        wav2vec2_config.read(tmp_path, "wavlm")
    (tmp_path / name).unlink()
    with pytest.raises(VoxJaxError, match=f"{name}: expected a file beside the weights, found No such file"):
        wav2vec2_config.read(tmp_path, "wavlm")
