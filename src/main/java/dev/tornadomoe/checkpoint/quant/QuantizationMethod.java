package dev.tornadomoe.checkpoint.quant;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/// The methods of quantisation that are read, by the `quant_method` of a config.
enum QuantizationMethod {
  COMPRESSED_TENSORS(
      CompressedTensors::of,
      List.of("compressed-tensors"),
      new FormatNotes(
          "compressed-tensors `pack-quantized`, 4 bits",
          "groups of any size or per channel, symmetric or with zero points (packed, or I8 as until"
              + " April 2025), `actorder`, `targets` with `re:`, `ignore`, transforms of weights",
          "4 bits",
          "RedHatAI/Qwen3-30B-A3B-quantized.w4a16"),
      new FormatNotes(
          "compressed-tensors `pack-quantized`, 8 bits (W8A16)",
          "groups, per channel or per tensor, symmetric or with zero points (packed or I8),"
              + " `weight_g_idx`",
          "8 bits, the mapped file"),
      new FormatNotes(
          "compressed-tensors `int-quantized`, 8 bits",
          "per tensor, per channel, groups or blocks, `weight_zero_point`",
          "8 bits, the mapped file"),
      new FormatNotes(
          "compressed-tensors `float-quantized`, FP8 E4M3",
          "per tensor, per channel, groups or blocks; scales F32, F16, BF16 or F8_E8M0, with or"
              + " without dimensions of 1",
          "8 bits, the mapped file",
          "RedHatAI/Qwen3.5-35B-A3B-FP8-dynamic"),
      new FormatNotes(
          "MXFP8: compressed-tensors `mxfp8-quantized`, `modelopt`, `fp8` with `weight_block_size`"
              + " `[1, 32]`",
          "FP8 E4M3 with a U8 or F8_E8M0 exponent for 32 columns; experts in one tensor too"
              + " (`modelopt`, `fp8`)",
          "8 bits, the mapped file"),
      new FormatNotes(
          "compressed-tensors `nvfp4-pack-quantized`",
          "`weight_scale` F8_E4M3 for 16 columns, divided by `weight_global_scale`",
          "4 bits, the mapped file",
          "RedHatAI/Qwen3-30B-A3B-NVFP4"),
      new FormatNotes(
          "compressed-tensors `mxfp4-pack-quantized`",
          "`weight_scale` U8 or F8_E8M0 for 32 columns",
          "4 bits, the mapped file")),
  FP8(
      Fp8Quantization::of,
      List.of("fp8", "fbgemm_fp8"),
      new FormatNotes(
          "`fp8`, `fbgemm_fp8`",
          "FP8 E4M3 in blocks of `weight_block_size` with ragged edges (`weight_scale_inv`), or"
              + " without it per tensor or per output (`weight_scale`, its shape tells); layers"
              + " that are floats stay so; DeepSeek-V4's, whose scales are `scale`, with experts in"
              + " MXFP4",
          "8 bits, the mapped file",
          "Qwen/Qwen3-30B-A3B-FP8",
          "Qwen/Qwen3.6-35B-A3B-FP8",
          "deepseek-ai/DeepSeek-V3",
          "deepseek-ai/DeepSeek-V4-Flash")),
  MXFP4(
      fields -> new Mxfp4Quantization(),
      List.of("mxfp4"),
      new FormatNotes(
          "`mxfp4`",
          "gpt-oss's experts, `*_blocks` and `*_scales`, gates and ups in turns",
          "4 bits, the mapped file",
          "openai/gpt-oss-20b",
          "openai/gpt-oss-120b")),
  QUARK(
      QuarkQuantization::new,
      List.of("quark"),
      new FormatNotes(
          "`quark`",
          "MXFP4 (`weight` U8, `weight_scale` U8 for 32 columns) and FP8 (per tensor or per"
              + " output), each layer by the type that it is stored in",
          "4 or 8 bits, the mapped file",
          "amd/Qwen3.5-35B-A3B-MXFP4")),
  MODEL_OPTIMIZER(
      ModelOptQuantization::new,
      List.of("modelopt"),
      new FormatNotes(
          "`modelopt`",
          "NVFP4 (`weight_scale` F8_E4M3 for 16 columns, times `weight_scale_2`), FP8 and MXFP8,"
              + " each layer by the type that it is stored in; NVFP4 experts in one tensor"
              + " (`gate_up_proj`, `gate_up_proj_scale`, `gate_up_proj_scale_2` with one number or"
              + " two for each expert)",
          "4 or 8 bits, the mapped file",
          "nvidia/Qwen3-30B-A3B-NVFP4")),
  AWQ(
      AwqQuantization::of,
      List.of("awq"),
      new FormatNotes(
          "AWQ, `version: gemm`, 4 bits",
          "zero points, any group size, `modules_to_not_convert`",
          "4 bits",
          "QuixiAI/Qwen3-30B-A3B-AWQ",
          "TheBloke/Mixtral-8x7B-Instruct-v0.1-AWQ")),
  GPTQ(
      GptqQuantization::of,
      List.of("gptq"),
      new FormatNotes(
          "GPTQ, `checkpoint_format` `gptq` (zeros stored minus one) and `gptq_v2`, 4 and 8 bits",
          "`sym` or not, `desc_act` through `g_idx`, any group size; GPTQModel's `dynamic` rules"
              + " for some modules",
          "4 or 8 bits",
          "Qwen/Qwen3-30B-A3B-GPTQ-Int4",
          "TheBloke/Mixtral-8x7B-Instruct-v0.1-GPTQ")),
  MLX(
      MlxQuantization::new,
      List.of(Quantization.MLX),
      new FormatNotes(
          "MLX, affine, 4 and 8 bits",
          "`weight` U32, `scales`, `biases`; experts as `switch_mlp.gate_proj` and so on, quantised"
              + " or BF16; bits and groups of some modules by their names",
          "4 or 8 bits, the mapped file")),
  AUTO_ROUND(
      AutoRound::of,
      List.of("auto-round", "intel/auto-round"),
      new FormatNotes(
          "AutoRound (`auto-round`), integers in `packing_format` `auto_round:auto_gptq` or"
              + " `auto_round:auto_awq`",
          "as GPTQ (zeros stored minus one) and AWQ; `extra_config` for some modules, by name or"
              + " regular expression",
          "4 or 8 bits"));

  @SuppressWarnings("ImmutableEnumChecker") // they are constructors and factories
  private final Function<QuantizationJson, Quantization> reader;

  @SuppressWarnings("ImmutableEnumChecker") // List.of gives immutable ones
  private final List<String> names;

  @SuppressWarnings("ImmutableEnumChecker") // List.of gives immutable ones
  private final List<FormatNotes> notes;

  QuantizationMethod(
      Function<QuantizationJson, Quantization> reader, List<String> names, FormatNotes... notes) {
    this.reader = reader;
    this.names = names;
    this.notes = List.of(notes);
  }

  /// The method of this name, or empty for an unknown one.
  static Optional<QuantizationMethod> named(String name) {
    return Arrays.stream(values()).filter(method -> method.names.contains(name)).findFirst();
  }

  /// Their names, for messages.
  static String known() {
    return Arrays.stream(values())
        .flatMap(method -> method.names.stream())
        .collect(Collectors.joining(", "));
  }

  /// What a config of this method means.
  Quantization read(QuantizationJson fields) {
    return reader.apply(fields);
  }

  /// Its formats.
  List<FormatNotes> notes() {
    return notes;
  }
}
