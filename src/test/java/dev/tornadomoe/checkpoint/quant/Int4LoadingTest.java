package dev.tornadomoe.checkpoint.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// What loading owes in every 4-bit format.
class Int4LoadingTest {
  private static final String MODULE = "m.up_proj";
  private static final String CT =
      """
      "quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups":
        {"g": {"targets": ["Linear"], "weights": {"num_bits": 4, "group_size": 32, "symmetric": %s}}}
      """;

  @TempDir Path directory;

  /// @param config of `quantization_config`
  /// @param zeroPoints whether that announces zero points
  /// @param scales the name of the tensor with the scales
  /// @param pack from values and the type of the scales to the file's tensors
  record Format(
      String name,
      String config,
      boolean zeroPoints,
      String scales,
      BiFunction<Int4Values, DType, TensorSet> pack) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Format> formats() {
    return Stream.of(
        new Format(
            "compressed-tensors, symmetric",
            String.format(Locale.ROOT, CT, true),
            false,
            MODULE + ".weight_scale",
            (values, scales) -> CompressedTensorsPacking.symmetric(MODULE, values, scales)),
        new Format(
            "compressed-tensors, asymmetric",
            String.format(Locale.ROOT, CT, false),
            true,
            MODULE + ".weight_scale",
            (values, scales) -> CompressedTensorsPacking.asymmetric(MODULE, values, scales)),
        new Format(
            "AWQ",
            "\"quant_method\": \"awq\", \"group_size\": 32",
            true,
            MODULE + ".scales",
            (values, scales) -> AwqPacking.pack(MODULE, values)),
        new Format(
            "GPTQ, symmetric",
            "\"quant_method\": \"gptq\", \"group_size\": 32, \"sym\": true",
            false,
            MODULE + ".scales",
            (values, scales) -> GptqPacking.v1(MODULE, values, scales)),
        new Format(
            "GPTQ, asymmetric",
            "\"quant_method\": \"gptq\", \"group_size\": 32, \"sym\": false",
            true,
            MODULE + ".scales",
            (values, scales) -> GptqPacking.v1(MODULE, values, scales)),
        new Format(
            "GPTQ, act-order",
            "\"quant_method\": \"gptq\", \"group_size\": 32, \"desc_act\": true",
            false,
            MODULE + ".scales",
            (values, scales) -> GptqPacking.v1(MODULE, values.shuffled(131), scales)));
  }

  /// The check of the memory that is there, before a model is loaded, counts on it.
  @ParameterizedTest
  @MethodSource("formats")
  void allocatesNoMoreThanItAnnounced(Format format) {
    List<Int4Values> contents = new ArrayList<>();
    contents.add(Int4Values.symmetric(132, 16, 128, 32));
    if (format.zeroPoints()) {
      contents.add(Int4Values.asymmetric(132, 16, 128, 32));
    }
    for (Int4Values values : contents) {
      try (Checkpoint checkpoint = open(format, format.pack().apply(values, DType.F16));
          CountingArena arena = new CountingArena()) {
        Weight weight = checkpoint.linear(MODULE, 16, 128);
        assertThat(weight.load(arena).rows()).isEqualTo(16);
        assertThat(arena.bytes()).isLessThanOrEqualTo(weight.bytesToLoad());
      }
    }
  }

  static Stream<Arguments> brokenScales() {
    return formats()
        .flatMap(format ->
            Stream.of(0f, -0f, Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY)
                .map(scale -> Arguments.of(format, scale)));
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("brokenScales")
  void refusesScalesThatCannotBeRight(Format format, float scale) {
    TensorSet tensors = format.pack().apply(Int4Values.symmetric(133, 8, 64, 32), DType.F16);
    TensorView scales = tensors.get(format.scales());
    float[] broken = scales.toFloats();
    broken[11] = scale;
    tensors.put(HeapTensors.f16(scales.name(), scales.shape(), broken));
    try (Checkpoint checkpoint = open(format, tensors);
        CountingArena arena = new CountingArena()) {
      Weight weight = checkpoint.linear(MODULE, 8, 64);
      assertThatThrownBy(() -> weight.load(arena))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(
              directory.resolve("model.safetensors").toString(),
              "\"" + format.scales() + "\"",
              "scale " + scale,
              "element 11");
    }
  }

  private Checkpoint open(Format format, TensorSet tensors) {
    return ModelDirectory.open(
        directory, "{\"quantization_config\": {" + format.config() + "}}", tensors.tensors());
  }
}
