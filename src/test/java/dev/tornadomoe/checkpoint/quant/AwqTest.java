package dev.tornadomoe.checkpoint.quant;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AwqTest {
  private static final String MODULE = "model.layers.0.mlp.experts.0.gate_proj";

  @TempDir Path directory;

  @ParameterizedTest(name = "[{0}, {1}] in groups of {2}, seed 91")
  @CsvSource({
    "8, 64, 32",
    "24, 256, 128",
    "16, 64, 64",
    "8, 36, 12" // columns that end inside a word
  })
  void decodesWhatWasPacked(int rows, int columns, int group) {
    Int4Values values = Int4Values.asymmetric(91, rows, columns, group);
    String fields = "\"bits\": 4, \"group_size\": " + group;
    try (Checkpoint checkpoint = open(fields, AwqPacking.pack(MODULE, values))) {
      Weight weight = checkpoint.linear(MODULE, rows, columns);
      assertThat(weight.format()).isEqualTo(WeightFormat.int4(DType.F16, group, true, false));
      values.assertDecodedBy(weight);
    }
  }

  /// The word 0x76543210 of one input: nibble i is i, so output ORDER[i] is i.
  @Test
  void nibblesAreInAwqsOwnOrder() {
    TensorSet tensors =
        TensorSet.of(
            HeapTensors.i32(MODULE + ".qweight", Shape.of(1, 1), 0x76543210),
            HeapTensors.i32(MODULE + ".qzeros", Shape.of(1, 1), 0),
            HeapTensors.f16(MODULE + ".scales", Shape.of(1, 8), 1, 1, 1, 1, 1, 1, 1, 1));
    try (Checkpoint checkpoint = open("\"group_size\": -1", tensors);
        CountingArena arena = new CountingArena()) {
      var matrix = checkpoint.linear(MODULE, 8, 1).load(arena);
      float[] column = new float[8];
      float[] row = new float[1];
      for (int output = 0; output < 8; output++) {
        matrix.decodeRow(output, row);
        column[output] = row[0];
      }
      assertThat(column).containsExactly(0, 4, 1, 5, 2, 6, 3, 7);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"bits\": 4, \"group_size\": 32, \"version\": \"gemm\"",
        "\"bits\": 4, \"group_size\": 32, \"version\": \"GEMM\"",
        "\"bits\": 4, \"group_size\": 32, \"format\": \"gemm\"",
        "\"w_bit\": 4, \"q_group_size\": 32",
        "\"w_bit\": 4, \"q_group_size\": 32, \"version\": \"GEMM\", \"zero_point\": true",
        "\"bits\": 4, \"group_size\": 32, \"q_group_size\": null, \"zero_point\": null",
        "\"group_size\": 32, \"version\": \"gemm\", \"format\": \"exllama\"" // version wins
      })
  void knowsAllSpellings(String fields) {
    Int4Values values = Int4Values.asymmetric(92, 8, 64, 32);
    try (Checkpoint checkpoint = open(fields, AwqPacking.pack(MODULE, values))) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 8, 64));
    }
  }

  @Test
  void groupsHave128ColumnsByDefault() {
    Int4Values values = Int4Values.asymmetric(93, 8, 256, 128);
    try (Checkpoint checkpoint = open("\"bits\": 4", AwqPacking.pack(MODULE, values))) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 8, 256));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"group_size", "q_group_size"})
  void aGroupSizeOfMinusOneMeansTheRow(String name) {
    Int4Values values = Int4Values.asymmetric(94, 8, 64, 64);
    try (Checkpoint checkpoint = open("\"" + name + "\": -1", AwqPacking.pack(MODULE, values))) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 8, 64));
    }
  }

  @Test
  void withoutZeroPointsTheZeroIsEight() {
    Int4Values values = Int4Values.symmetric(95, 8, 64, 32);
    TensorSet tensors = AwqPacking.pack(MODULE, values).remove(MODULE + ".qzeros");
    try (Checkpoint checkpoint = open("\"group_size\": 32, \"zero_point\": false", tensors)) {
      Weight weight = checkpoint.linear(MODULE, 8, 64);
      assertThat(weight.format().zeroPoints()).isFalse();
      values.assertDecodedBy(weight);
    }
  }

  /// auto-round writes `zero_point: false` beside real zero points.
  @Test
  void storedZeroPointsCountWhateverTheConfigSays() {
    Int4Values values = Int4Values.asymmetric(96, 8, 64, 32);
    try (Checkpoint checkpoint =
        open("\"group_size\": 32, \"zero_point\": false", AwqPacking.pack(MODULE, values))) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 8, 64));
    }
  }

  @Test
  void readsLayersThatWereNotConverted() {
    TensorSet tensors = TensorSet.of(HeapTensors.bf16("m.gate.weight", Shape.of(1, 2), 1, 2));
    try (Checkpoint checkpoint = open("\"modules_to_not_convert\": [\"gate\"]", tensors)) {
      assertThat(checkpoint.linear("m.gate", 1, 2).format())
          .isEqualTo(WeightFormat.dense(DType.BF16));
    }
  }

  private Checkpoint open(String fields, TensorSet tensors) {
    String config = "{\"quantization_config\": {\"quant_method\": \"awq\", " + fields + "}}";
    return ModelDirectory.open(directory, config, tensors.tensors());
  }
}
