package dev.tornadomoe.checkpoint.quant;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GptqTest {
  private static final String MODULE = "model.layers.0.mlp.experts.0.up_proj";

  @TempDir Path directory;

  @ParameterizedTest(name = "[{0}, {1}] in groups of {2}, version {3}, {4} scales, seed 101")
  @CsvSource({
    "8, 64, 32, 1, F16",
    "8, 64, 32, 2, F16",
    "24, 256, 128, 1, BF16",
    "16, 64, 64, 2, F32",
    "13, 64, 32, 1, F16", // rows that end inside a word of zero points
    "5, 36, 32, 2, F16", // a ragged last group
    "9, 100, 32, 1, F16" // and columns that end inside a word
  })
  void decodesWhatWasPacked(int rows, int columns, int group, int version, DType scales) {
    Int4Values values = Int4Values.asymmetric(101, rows, columns, group);
    TensorSet tensors =
        version == 1
            ? GptqPacking.v1(MODULE, values, scales)
            : GptqPacking.v2(MODULE, values, scales);
    String fields =
        String.format(
            Locale.ROOT,
            "\"bits\": 4, \"group_size\": %d, \"sym\": false, \"checkpoint_format\": \"%s\"",
            group,
            version == 1 ? "gptq" : "gptq_v2");
    try (Checkpoint checkpoint = open(fields, tensors)) {
      Weight weight = checkpoint.linear(MODULE, rows, columns);
      assertThat(weight.format()).isEqualTo(WeightFormat.int4(scales, group, true, false));
      values.assertDecodedBy(weight);
    }
  }

  /// One group of eight outputs whose stored nibbles are given, and all weights 0.
  @ParameterizedTest
  @CsvSource({
    "gptq, 77777777, 8 8 8 8 8 8 8 8",
    "gptq_v2, 88888888, 8 8 8 8 8 8 8 8",
    "gptq, fedcba98, 9 10 11 12 13 14 15 0", // the last one's zero of 0 is stored as -1
    "gptq, 0f0f0f0f, 0 1 0 1 0 1 0 1", // and carries into no neighbour
    "gptq_v2, 0f0f0f0f, 15 0 15 0 15 0 15 0"
  })
  void version1StoresZeroPointsMinusOne(String format, String stored, String zeros) {
    TensorSet tensors =
        TensorSet.of(
            HeapTensors.i32(MODULE + ".qweight", Shape.of(1, 8), new int[8]),
            HeapTensors.i32(
                MODULE + ".qzeros", Shape.of(1, 1), Integer.parseUnsignedInt(stored, 16)),
            HeapTensors.f16(MODULE + ".scales", Shape.of(1, 8), 1, 1, 1, 1, 1, 1, 1, 1));
    String fields = "\"group_size\": 8, \"sym\": false, \"checkpoint_format\": \"" + format + "\"";
    try (Checkpoint checkpoint = open(fields, tensors);
        CountingArena arena = new CountingArena()) {
      Int4Matrix matrix = (Int4Matrix) checkpoint.linear(MODULE, 8, 8).load(arena);
      StringBuilder found = new StringBuilder();
      for (int row = 0; row < 8; row++) {
        found.append(row == 0 ? "" : " ").append(matrix.zero(row, 0));
      }
      assertThat(found).hasToString(zeros);
    }
  }

  @ParameterizedTest
  @CsvSource({"gptq, 1", "gptq_v2, 2"})
  void symmetricWeightsHaveNoZeroPointsOnceLoaded(String format, int version) {
    Int4Values values = Int4Values.symmetric(102, 8, 64, 32);
    TensorSet tensors =
        version == 1
            ? GptqPacking.v1(MODULE, values, DType.F16)
            : GptqPacking.v2(MODULE, values, DType.F16);
    String fields = "\"group_size\": 32, \"checkpoint_format\": \"" + format + "\"";
    for (String sym : new String[] {", \"sym\": true", "", ", \"sym\": false"}) {
      try (Checkpoint checkpoint = open(fields + sym, tensors);
          CountingArena arena = new CountingArena()) {
        Weight weight = checkpoint.linear(MODULE, 8, 64);
        values.assertDecodedBy(weight);
        assertThat(weight.load(arena).format())
            .isEqualTo(WeightFormat.int4(DType.F16, 32, false, false));
      }
    }
  }

  @Test
  void storedZeroPointsCountWhateverTheConfigSays() {
    Int4Values values = Int4Values.asymmetric(103, 8, 64, 32);
    try (Checkpoint checkpoint =
        open("\"group_size\": 32, \"sym\": true", GptqPacking.v1(MODULE, values, DType.F16))) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 8, 64));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"bits\": 4, \"group_size\": 32, \"checkpoint_format\": \"gptq_v2\"",
        "\"bits\": 4, \"group_size\": 32, \"format\": \"gptq_v2\"",
        "\"group_size\": 32, \"checkpoint_format\": \"gptq_v2\", \"format\": \"gptq\"",
        "\"group_size\": 32, \"checkpoint_format\": \"gptq_v2\", \"desc_act\": null, \"sym\": null,"
            + " \"lm_head\": false, \"true_sequential\": true, \"dynamic\": null"
      })
  void knowsAllSpellingsOfVersion2(String fields) {
    Int4Values values = Int4Values.asymmetric(104, 8, 64, 32);
    try (Checkpoint checkpoint = open(fields, GptqPacking.v2(MODULE, values, DType.F16))) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 8, 64));
    }
  }

  @Test
  void aGroupSizeOfMinusOneMeansTheRow() {
    Int4Values values = Int4Values.asymmetric(105, 8, 72, 72);
    try (Checkpoint checkpoint =
        open("\"group_size\": -1", GptqPacking.v1(MODULE, values, DType.F16))) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 8, 72));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void readsLayersThatWereNotQuantised(boolean listed) {
    TensorSet tensors = TensorSet.of(HeapTensors.bf16("m.gate.weight", Shape.of(1, 2), 1, 2));
    String fields =
        listed ? "\"modules_in_block_to_quantize\": [[\"mlp.experts\"]]" : "\"group_size\": 32";
    try (Checkpoint checkpoint = open(fields, tensors)) {
      assertThat(checkpoint.linear("m.gate", 1, 2).format())
          .isEqualTo(WeightFormat.dense(DType.BF16));
    }
  }

  private Checkpoint open(String fields, TensorSet tensors) {
    String config = "{\"quantization_config\": {\"quant_method\": \"gptq\", " + fields + "}}";
    return ModelDirectory.open(directory, config, tensors.tensors());
  }
}
