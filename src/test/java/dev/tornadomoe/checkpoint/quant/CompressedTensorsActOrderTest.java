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

/// `weight_g_idx`: each column's group, for exports with `actorder: group`.
class CompressedTensorsActOrderTest {
  private static final String MODULE = "m.up_proj";
  private static final String G_IDX = MODULE + ".weight_g_idx";

  @TempDir Path directory;

  @ParameterizedTest(name = "[{0}, {1}] in groups of {2}, asymmetric {3}, seeds 81 and 82")
  @CsvSource({"8, 64, 32, false", "16, 256, 64, true", "3, 36, 16, false", "9, 100, 32, true"})
  void looksUpEachColumnsGroup(int rows, int columns, int group, boolean asymmetric) {
    Int4Values values =
        (asymmetric
                ? Int4Values.asymmetric(81, rows, columns, group)
                : Int4Values.symmetric(81, rows, columns, group))
            .shuffled(82);
    try (Checkpoint checkpoint = open(values, group, asymmetric, values.groupOf())) {
      Weight weight = checkpoint.linear(MODULE, rows, columns);
      assertThat(weight.format().actOrder()).isTrue();
      values.assertDecodedBy(weight);
      try (CountingArena arena = new CountingArena()) {
        assertThat(weight.load(arena).columns()).isEqualTo(columns);
        assertThat(arena.bytes()).isLessThanOrEqualTo(weight.bytesToLoad());
      }
    }
  }

  @Test
  void columnsThatAreInOrderAlreadyStayWhereTheyAre() {
    Int4Values values = Int4Values.symmetric(83, 4, 64, 32);
    try (Checkpoint checkpoint = open(values, 32, false, values.groupOf());
        CountingArena arena = new CountingArena()) {
      Weight weight = checkpoint.linear(MODULE, 4, 64);
      values.assertDecodedBy(weight);
      assertThat(weight.load(arena).format().actOrder()).isFalse();
      assertThat(arena.bytes()).isZero();
    }
  }

  /// The format's own reader looks for any -1.
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 40, 63})
  void anIndexThatWasNeverSetMeansOrdinaryGroups(int first) {
    Int4Values values = Int4Values.symmetric(84, 4, 64, 32);
    int[] unset = values.shuffled(89).groupOf();
    Arrays.fill(unset, first, first + 1, -1);
    try (Checkpoint checkpoint = open(values, 32, false, unset)) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 4, 64));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"\"group\"", "\"GROUP\"", "\"dynamic\"", "\"Dynamic\"", "true"})
  void anAnnouncedIndexMustBeThere(String order) {
    Int4Values values = Int4Values.symmetric(90, 4, 64, 32);
    try (Checkpoint checkpoint =
        open(order, 32, true, CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16))) {
      assertThatThrownBy(() -> checkpoint.linear(MODULE, 4, 64))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(directory.resolve("model.safetensors").toString())
          .hasMessageContainingAll("\"" + G_IDX + "\"", "missing");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"\"weight\"", "\"WEIGHT\"", "\"static\"", "\"Static\"", "false", "null"})
  void otherOrdersNeedNoIndex(String order) {
    Int4Values values = Int4Values.symmetric(91, 4, 64, 32);
    try (Checkpoint checkpoint =
        open(order, 32, true, CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16))) {
      values.assertDecodedBy(checkpoint.linear(MODULE, 4, 64));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"\"groups\"", "1", "[]", "\"\""})
  void refusesAnUnknownOrder(String order) {
    Int4Values values = Int4Values.symmetric(92, 4, 64, 32);
    TensorSet tensors = CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16);
    assertThatThrownBy(() -> open(order, 32, true, tensors).close())
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll("config.json", "\"actorder\"", "group, dynamic, weight, static");
  }

  @Test
  void refusesGroupsOutOfRange() {
    Int4Values values = Int4Values.symmetric(85, 4, 64, 32);
    int[] groups = values.groupOf().clone();
    groups[17] = 2;
    assertRefused(values, groups, "column 17", "group 2", "0 to 1");
    groups[17] = -2;
    assertRefused(values, groups, "column 17", "group -2", "0 to 1");
    groups[0] = -2;
    assertRefused(values, groups, "column 0", "group -2", "0 to 1");
  }

  @Test
  void refusesGroupsOfUnequalSize() {
    Int4Values values = Int4Values.symmetric(86, 4, 64, 32);
    int[] groups = values.groupOf().clone();
    groups[40] = 0;
    assertRefused(values, groups, "more than 32", "group 0");
  }

  @Test
  void refusesAnIndexOfAnotherLength() {
    Int4Values values = Int4Values.symmetric(87, 4, 64, 32);
    try (Checkpoint checkpoint = open(values, 32, false, new int[32])) {
      assertThatThrownBy(() -> checkpoint.linear(MODULE, 4, 64))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("\"" + G_IDX + "\"", "[32]", "[64]");
    }
  }

  private void assertRefused(Int4Values values, int[] groups, String... says) {
    try (Checkpoint checkpoint = open(values, 32, false, groups);
        Arena arena = Arena.ofConfined()) {
      Weight weight = checkpoint.linear(MODULE, values.rows(), values.columns());
      assertThatThrownBy(() -> weight.load(arena))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(directory.resolve("model.safetensors").toString())
          .hasMessageContaining("\"" + G_IDX + "\"")
          .hasMessageContainingAll(says);
    }
  }

  private Checkpoint open(Int4Values values, int groupSize, boolean asymmetric, int... groups) {
    TensorSet tensors =
        asymmetric
            ? CompressedTensorsPacking.asymmetric(MODULE, values, DType.BF16)
            : CompressedTensorsPacking.symmetric(MODULE, values, DType.BF16);
    tensors.put(HeapTensors.i32(G_IDX, Shape.of(groups.length), groups));
    return open("\"group\"", groupSize, !asymmetric, tensors);
  }

  private Checkpoint open(String order, int groupSize, boolean symmetric, TensorSet tensors) {
    String config =
        String.format(
            Locale.ROOT,
            """
            {"quantization_config": {"quant_method": "compressed-tensors", "format": "pack-quantized",
              "config_groups": {"g": {"targets": ["Linear"], "weights":
                {"num_bits": 4, "group_size": %d, "symmetric": %s, "actorder": %s}}}}}
            """,
            groupSize,
            symmetric,
            order);
    return ModelDirectory.open(directory, config, tensors.tensors());
  }
}
