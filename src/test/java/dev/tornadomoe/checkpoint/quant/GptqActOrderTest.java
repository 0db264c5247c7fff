package dev.tornadomoe.checkpoint.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GptqActOrderTest {
  private static final String MODULE = "m.down_proj";
  private static final String G_IDX = MODULE + ".g_idx";

  @TempDir Path directory;

  @ParameterizedTest(name = "[{0}, {1}] in groups of {2}, desc_act {3}, seeds 111 and 112")
  @CsvSource({
    "8, 64, 32, true",
    "16, 256, 64, true",
    "9, 100, 32, true", // a ragged last group
    "8, 64, 16, false" // the file has the last word
  })
  void looksUpEachColumnsGroup(int rows, int columns, int group, boolean announced) {
    Int4Values values = Int4Values.asymmetric(111, rows, columns, group).shuffled(112);
    try (Checkpoint checkpoint =
        open(group, announced, GptqPacking.v1(MODULE, values, DType.F16))) {
      Weight weight = checkpoint.linear(MODULE, rows, columns);
      assertThat(weight.format().actOrder()).isEqualTo(announced);
      values.assertDecodedBy(weight);
      try (Arena arena = Arena.ofConfined()) {
        assertThat(weight.load(arena).format().actOrder()).isTrue();
      }
    }
  }

  @Test
  void readsAnIndexOfLongIntegers() {
    Int4Values values = Int4Values.asymmetric(113, 8, 64, 32).shuffled(114);
    long[] groups = Arrays.stream(values.groupOf()).asLongStream().toArray();
    TensorSet tensors =
        GptqPacking.v1(MODULE, values, DType.F16).put(HeapTensors.i64(G_IDX, Shape.of(64), groups));
    try (Checkpoint checkpoint = open(32, true, tensors)) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 8, 64));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void columnsThatAreInOrderAlreadyStayWhereTheyAre(boolean announced) {
    Int4Values values = Int4Values.asymmetric(115, 8, 64, 32);
    try (Checkpoint checkpoint = open(32, announced, GptqPacking.v1(MODULE, values, DType.F16));
        Arena arena = Arena.ofConfined()) {
      Weight weight = checkpoint.linear(MODULE, 8, 64);
      values.assertDecodedBy(weight);
      assertThat(weight.load(arena).format().actOrder()).isFalse();
    }
  }

  @Test
  void doesWithoutAnIndexUnlessActOrderIsAnnounced() {
    Int4Values values = Int4Values.asymmetric(116, 8, 64, 32);
    TensorSet tensors = GptqPacking.v1(MODULE, values, DType.F16).remove(G_IDX);
    try (Checkpoint checkpoint = open(32, false, tensors)) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 8, 64));
    }
    try (Checkpoint checkpoint = open(32, true, tensors)) {
      assertThatThrownBy(() -> checkpoint.linear(MODULE, 8, 64))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(
              directory.resolve("model.safetensors").toString(), "\"" + G_IDX + "\"", "missing");
    }
  }

  @Test
  void oneGroupForTheWholeRowNeedsNoOrder() {
    Int4Values values = Int4Values.asymmetric(117, 8, 64, 64);
    try (Checkpoint checkpoint = open(-1, true, GptqPacking.v1(MODULE, values, DType.F16))) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 8, 64));
    }
  }

  @ParameterizedTest
  @CsvSource({"5, 2, 'column 5', 'group 2', '0 to 1'", "63, -1, 'column 63', 'group -1', '0 to 1'"})
  void refusesGroupsOutOfRange(int column, int group, String where, String found, String expected) {
    assertIndexRefused(column, group, where, found, expected);
  }

  @Test
  void refusesGroupsOfUnequalSize() {
    assertIndexRefused(63, 0, "more than 32", "group 0");
  }

  private void assertIndexRefused(int column, int group, String... says) {
    Int4Values values = Int4Values.asymmetric(118, 8, 64, 32);
    int[] groups = values.groupOf().clone();
    groups[column] = group;
    TensorSet tensors =
        GptqPacking.v1(MODULE, values, DType.F16).put(HeapTensors.i32(G_IDX, Shape.of(64), groups));
    try (Checkpoint checkpoint = open(32, true, tensors);
        Arena arena = Arena.ofConfined()) {
      Weight weight = checkpoint.linear(MODULE, 8, 64);
      assertThatThrownBy(() -> weight.load(arena))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(directory.resolve("model.safetensors").toString())
          .hasMessageContaining("\"" + G_IDX + "\"")
          .hasMessageContainingAll(says);
    }
  }

  private Checkpoint open(int groupSize, boolean actOrder, TensorSet tensors) {
    String config =
        String.format(
            Locale.ROOT,
            """
            {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": %d,
              "desc_act": %s, "sym": false}}
            """,
            groupSize,
            actOrder);
    return ModelDirectory.open(directory, config, tensors.tensors());
  }
}
