"""Voices of a few megabytes with the architecture of real ones, made and saved here.

Their weights are random, so that what they say is noise; it goes through the same code as speech.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from tiny_models import tiny_pieces

WORDS = ("good", "morning", "where", "is", "the", "boat")
RATE = 24000


def tiny_vits(folder: Path, language: str = "spa") -> Path:
    """VITS's architecture with MMS's tokens: the letters of a language."""
    import torch
    from transformers import VitsConfig, VitsModel, VitsTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    letters = "_ abcdefghijklmnopqrstuvwxyz"
    (folder / "vocab.json").write_text(json.dumps({c: n for n, c in enumerate(letters)}))
    VitsTokenizer(
        str(folder / "vocab.json"), language=language, phonemize=False, pad_token="_", unk_token="_"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = VitsConfig(
        vocab_size=len(letters), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        ffn_dim=16, spectrogram_bins=33, flow_size=16, posterior_encoder_num_wavenet_layers=1,
        prior_encoder_num_flows=2, prior_encoder_num_wavenet_layers=1,
        use_stochastic_duration_prediction=False, upsample_initial_channel=32,
        upsample_rates=[8, 8, 2, 2], upsample_kernel_sizes=[16, 16, 4, 4],
        resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1]], sampling_rate=16000,
    )  # fmt: skip
    model = VitsModel(config)
    with torch.no_grad():
        model.duration_predictor.proj.bias.fill_(1.5)  # about four frames a letter
    model.save_pretrained(folder)
    return folder


def tiny_speecht5(folder: Path) -> Path:
    """SpeechT5's architecture, with its vocoder and one voice, ana."""
    import torch
    from transformers import (
        SpeechT5Config,
        SpeechT5FeatureExtractor,
        SpeechT5ForTextToSpeech,
        SpeechT5HifiGan,
        SpeechT5HifiGanConfig,
        SpeechT5Processor,
        SpeechT5Tokenizer,
    )

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spm_char.model").write_bytes(tiny_pieces())
    tokenizer = SpeechT5Tokenizer(str(folder / "spm_char.model"))
    SpeechT5Processor(SpeechT5FeatureExtractor(), tokenizer).save_pretrained(folder)
    torch.manual_seed(0)
    config = SpeechT5Config(
        vocab_size=len(tokenizer), hidden_size=16, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16,
        decoder_ffn_dim=16, speech_decoder_prenet_units=16, speech_decoder_postnet_layers=1,
        speech_decoder_postnet_units=16, speaker_embedding_dim=8, encoder_max_relative_position=8,
    )  # fmt: skip
    model = SpeechT5ForTextToSpeech(config)
    with torch.no_grad():
        model.speech_decoder_postnet.prob_out.bias.fill_(-20)  # it would end at once
    model.save_pretrained(folder)
    vocoder = SpeechT5HifiGanConfig(
        initializer_range=0.3, upsample_initial_channel=16, upsample_rates=[4, 4, 4, 4],
        upsample_kernel_sizes=[8, 8, 8, 8], resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1]],
    )  # fmt: skip
    SpeechT5HifiGan(vocoder).save_pretrained(folder / "vocoder")
    (folder / "voices").mkdir(exist_ok=True)
    np.save(folder / "voices" / "ana.npy", np.ones(8, np.float32))
    return folder


def tiny_bark(folder: Path) -> Path:
    """Bark's four models: meaning, coarse and fine sound, and the codec."""
    import torch
    from transformers import BarkConfig, BarkModel, BarkProcessor, EncodecConfig, GenerationConfig
    from transformers.models.bark.generation_configuration_bark import (
        BarkCoarseGenerationConfig,
        BarkFineGenerationConfig,
        BarkGenerationConfig,
        BarkSemanticGenerationConfig,
    )

    folder.mkdir(parents=True, exist_ok=True)
    BarkProcessor(_words(["[UNK]", "[PAD]"])).save_pretrained(folder)
    torch.manual_seed(0)
    small = {"num_layers": 1, "num_heads": 2, "hidden_size": 8, "block_size": 1024}
    codec = EncodecConfig(
        num_filters=4, hidden_size=16, codebook_size=1024, codebook_dim=16,
        target_bandwidths=[6.0], upsampling_ratios=[8, 5, 4, 2], num_lstm_layers=1,
    )  # fmt: skip
    model = BarkModel(
        BarkConfig(
            semantic_config={"input_vocab_size": 129600, "output_vocab_size": 10048, **small},
            coarse_acoustics_config={
                "input_vocab_size": 12096, "output_vocab_size": 12096, **small
            },
            fine_acoustics_config={
                "input_vocab_size": 1056, "output_vocab_size": 1056, "n_codes_total": 8,
                "n_codes_given": 1, **small,
            },
            codec_config=codec.to_dict(),
        )
    )  # fmt: skip
    _random_codes(model.codec_model, "embed")
    model.generation_config = GenerationConfig()  # it cannot save its own
    model.save_pretrained(folder)
    told = BarkGenerationConfig(
        semantic_config=BarkSemanticGenerationConfig(max_new_tokens=24, do_sample=True).to_dict(),
        coarse_acoustics_config=BarkCoarseGenerationConfig().to_dict(),
        fine_acoustics_config=BarkFineGenerationConfig().to_dict(),
    )
    (folder / "generation_config.json").write_text(json.dumps(told.to_dict()))
    return folder


def tiny_csm(folder: Path) -> Path:
    """CSM's architecture with Mimi's codec."""
    import torch
    from transformers import (
        CsmConfig,
        CsmForConditionalGeneration,
        CsmProcessor,
        EncodecFeatureExtractor,
        MimiConfig,
    )

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _words(["<unk>", "<|AUDIO|>", "<|audio_eos|>", "<bos>"], ("0", "[", "]"))
    template = (
        "{% for m in messages %}<bos>[{{ m['role'] }}]{% for c in m['content'] %}"
        "{% if c['type'] == 'text' %}{{ c['text'] }}{% else %}<|AUDIO|><|audio_eos|>{% endif %}"
        "{% endfor %}{% endfor %}"
    )
    extractor = EncodecFeatureExtractor(feature_size=1, sampling_rate=RATE)
    CsmProcessor(extractor, tokenizer, chat_template=template).save_pretrained(folder)
    torch.manual_seed(0)
    small = {
        "num_codebooks": 4, "vocab_size": 64, "hidden_size": 16, "intermediate_size": 16,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8,
    }  # fmt: skip
    codec = MimiConfig(
        num_filters=4, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, intermediate_size=16, codebook_size=64, codebook_dim=8,
        vector_quantization_hidden_dimension=8, num_quantizers=4, upsample_groups=16, head_dim=8,
    )  # fmt: skip
    model = CsmForConditionalGeneration(
        CsmConfig(
            **small, text_vocab_size=len(tokenizer), pad_token_id=1, codebook_pad_token_id=63,
            codebook_eos_token_id=0, bos_token_id=3, audio_token_id=1, audio_eos_token_id=2,
            codec_config=codec.to_dict(),
            depth_decoder_config={
                **small, "backbone_hidden_size": 16, "max_position_embeddings": 8
            },
        )
    )  # fmt: skip
    _random_codes(model.codec_model, "embed_sum")
    model.generation_config.do_sample = True
    model.generation_config.depth_decoder_do_sample = True
    model.save_pretrained(folder)
    return folder


def tiny_pocket_tts(folder: Path) -> Path:
    """Pocket TTS's architecture with its codec."""
    import torch
    from transformers import (
        PocketTTSAudioTokenizerConfig,
        PocketTTSAudioTokenizerModel,
        PocketTTSConfig,
        PocketTTSForConditionalGeneration,
        PocketTTSProcessor,
    )
    from transformers.models.pocket_tts.feature_extraction_pocket_tts import (
        PocketTTSFeatureExtractor,
    )

    folder.mkdir(parents=True, exist_ok=True)
    named = {
        "audio_prompt_token": "<voice>", "audio_latent_token": "<latent>",
        "audio_prompt_bos_token": "<from>", "audio_bos_token": "<say>",
    }  # fmt: skip
    tokenizer = _words(["<unk>", "<pad>", *named.values()])
    tokenizer.init_kwargs.update(named)
    for name, token in named.items():
        setattr(tokenizer, name, token)
    template = (
        "{% for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'text' %}"
        "{{ c['text'] }}{% else %}<from><voice>{% endif %}{% endfor %}{% endfor %}<say>"
    )
    torch.manual_seed(0)
    codec = PocketTTSAudioTokenizerModel(
        PocketTTSAudioTokenizerConfig(
            hidden_size=16, num_filters=4, num_hidden_layers=1, intermediate_size=16,
            num_attention_heads=2, num_key_value_heads=2, latent_dim=4, upsample_groups=16,
        )
    )  # fmt: skip
    codec.save_pretrained(folder / "codec")
    codec.name_or_path = str(folder / "codec")
    PocketTTSProcessor(
        PocketTTSFeatureExtractor(), tokenizer, audio_tokenizer=codec, chat_template=template
    ).save_pretrained(folder)
    model = PocketTTSForConditionalGeneration(
        PocketTTSConfig(
            vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=16, latent_dim=4, pad_token_id=1, audio_prompt_token_id=2,
            audio_latent_token_id=3, audio_prompt_bos_token_id=4, audio_bos_token_id=5,
            flow_head_config={
                "hidden_size": 8, "num_hidden_layers": 1, "latent_dim": 4, "condition_dim": 16,
                "frequency_embedding_size": 8,
            },
        )
    )  # fmt: skip
    model.generation_config.do_sample = True
    model.generation_config.return_dict_in_generate = True
    model.save_pretrained(folder)
    return folder


def tiny_dia(folder: Path) -> Path:
    """Dia's architecture with its codec, DAC."""
    import torch
    from transformers import (
        DacConfig,
        DacModel,
        DiaConfig,
        DiaFeatureExtractor,
        DiaForConditionalGeneration,
        DiaProcessor,
        DiaTokenizer,
    )

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    codec = DacModel(
        DacConfig(
            encoder_hidden_size=4, downsampling_ratios=[2, 4, 8, 8], decoder_hidden_size=64,
            n_codebooks=9, codebook_size=1024, codebook_dim=4, sampling_rate=44100,
        )
    )  # fmt: skip
    codec.save_pretrained(folder / "codec")
    codec.name_or_path = str(folder / "codec")
    DiaProcessor(
        DiaFeatureExtractor(sampling_rate=44100, hop_length=512), DiaTokenizer(),
        audio_tokenizer=codec,
    ).save_pretrained(folder)  # fmt: skip
    small = {
        "num_hidden_layers": 1, "hidden_size": 16, "num_attention_heads": 2,
        "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 16,
    }  # fmt: skip
    crossed = {
        "cross_num_attention_heads": 2, "cross_head_dim": 8, "cross_num_key_value_heads": 2,
        "cross_hidden_size": 16,
    }  # fmt: skip
    model = DiaForConditionalGeneration(
        DiaConfig(encoder_config=dict(small), decoder_config=small | crossed)
    )
    model.generation_config.do_sample = True
    model.save_pretrained(folder)
    return folder


def tiny_vibevoice(folder: Path) -> Path:
    """VibeVoice's architecture with its two codecs; it never ends a line of itself."""
    import torch
    from transformers import (
        VibeVoiceAcousticTokenizerFeatureExtractor,
        VibeVoiceConfig,
        VibeVoiceForConditionalGeneration,
        VibeVoiceProcessor,
    )

    folder.mkdir(parents=True, exist_ok=True)
    named = ["<|vision_pad|>", "<|vision_start|>", "<|vision_end|>", "<|endoftext|>"]
    tokenizer = _words(["<unk>", "<pad>", *named], ("Voice", "Text", "0", ":"))
    template = (
        "{% for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'audio' %}"
        "Voice {{ m['role'] }}: <|vision_start|><|vision_pad|><|vision_end|>"
        "{% endif %}{% endfor %}{% endfor %}"
        "{% for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'text' %}"
        "Text {{ m['role'] }}: {{ c['text'] }}{% endif %}{% endfor %}{% endfor %}<|vision_start|>"
    )
    codec = {
        "num_filters": 4, "hidden_size": 8, "downsampling_ratios": [16, 20, 10],
        "depths": [1, 1, 1, 1], "ffn_expansion": 1, "initializer_range": 0.3,
    }  # fmt: skip
    VibeVoiceProcessor(
        VibeVoiceAcousticTokenizerFeatureExtractor(), tokenizer, chat_template=template
    ).save_pretrained(folder)
    torch.manual_seed(0)
    model = VibeVoiceForConditionalGeneration(
        VibeVoiceConfig(
            audio_config={"model_type": "vibevoice_acoustic_tokenizer", **codec},
            semantic_model_config={"model_type": "vibevoice_acoustic_tokenizer_encoder", **codec},
            text_config={
                "model_type": "qwen2", "vocab_size": len(tokenizer), "hidden_size": 16,
                "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                "num_key_value_heads": 2,
            },
            diffusion_head_config={
                "num_hidden_layers": 1, "intermediate_size": 16, "frequency_embedding_size": 8
            },
            pad_token_id=1, audio_token_id=2, audio_bos_token_id=3, audio_eos_token_id=4,
            eos_token_id=5,
        )
    )  # fmt: skip
    with torch.no_grad():
        model.lm_head.weight.zero_()  # of equals the first is taken: more sound
    model.save_pretrained(folder)
    return folder


def tiny_wav2vec2(folder: Path, letters: bool = False) -> Path:
    """wav2vec 2.0's architecture with a head for espeak-ng's phones of Spanish, or for letters."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    folder.mkdir(parents=True, exist_ok=True)
    phones = [
        "a",
        "e",
        "i",
        "o",
        "u",
        "p",
        "b",
        "t",
        "d",
        "k",
        "ɡ",
        "f",
        "s",
        "x",
        "m",
        "n",
        "ɲ",
        "l",
        "ɾ",
        "r",
        "j",
        "w",
        "θ",
        "β",
        "ð",
        "ɣ",
        "tʃ",
        "ʎ",
    ]
    names = ["<pad>", "|", *("ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letters else phones)]
    (folder / "vocab.json").write_text(json.dumps({n: i for i, n in enumerate(names)}))
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    torch.manual_seed(0)
    config = Wav2Vec2Config(
        vocab_size=len(names), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, conv_dim=(8,) * 7, num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2, pad_token_id=0,
    )  # fmt: skip
    Wav2Vec2ForCTC(config).save_pretrained(folder)
    return folder


def tiny_convolutional(folder: Path, family: str, half: bool = False) -> Path:
    """HuBERT's or WavLM's architecture, as encoders are saved: without a head."""
    import torch
    import transformers

    named = {"hubert": "Hubert", "wavlm": "WavLM"}[family]
    config = getattr(transformers, f"{named}Config")(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16,
        conv_dim=(8,) * 7, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    torch.manual_seed(0)
    model = getattr(transformers, f"{named}Model")(config)
    (model.half() if half else model).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


def tiny_whisper_encoder(folder: Path) -> Path:
    """Whisper's architecture as Hugging Face keeps it, whose window is half a minute."""
    import torch
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

    config = WhisperConfig(
        vocab_size=64, d_model=16, encoder_layers=4, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, pad_token_id=0,
        bos_token_id=0, eos_token_id=0, decoder_start_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    WhisperModel(config).save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    return folder


def described_espeak(folder: Path, **changes: object) -> Path:
    """A description of a program that speaks: espeak-ng behind a command line."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "say.py"
    program.write_text(
        "import sys\n"
        "import soundfile\n"
        "from dubwright.model import Performance\n"
        "from dubwright.speech.engines.espeak import EspeakSynthesizer\n"
        "language, pace, semitones, output = sys.argv[1:]\n"
        "text = sys.stdin.read().strip()\n"
        "said = EspeakSynthesizer().speak(\n"
        "    text, language, float(pace), performance=Performance(pitch=float(semitones)))\n"
        "soundfile.write(output, said.samples, said.sample_rate, subtype='FLOAT')\n"
    )
    told = {
        "document": "dubwright.voice_command",
        "version": 1,
        "licence": "GPL-3.0-or-later",
        "commercial_use": True,
        "command": [
            sys.executable, str(program), "{language}", "{pace}", "{semitones}", "{output}",
        ],
        "languages": {"en": "en", "es": "es", "fr": "fr"},
    }  # fmt: skip
    path = folder / "house-voice.json"
    path.write_text(json.dumps(told | changes))
    return path


def _random_codes(codec, name: str) -> None:
    """Make the codes of a codec sound each of its own; all are nought where none was learned."""
    import torch

    with torch.no_grad():
        for full, buffer in codec.named_buffers():
            if full.rpartition(".")[2] == name:
                buffer.normal_()


def _words(special: list[str], others: tuple[str, ...] = ()):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    numbered = {word: number for number, word in enumerate([*special, *WORDS, *others])}
    made = Tokenizer(models.WordLevel(numbered, unk_token=special[0]))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token=special[0], pad_token=special[1]
    )
    tokenizer.add_special_tokens({"additional_special_tokens": special[1:]})
    return tokenizer
