package dev.tornadomoe.layer.family;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The BF16 tensors of one MoE block under whatever names and in whatever layout, every element a
/// function of what it belongs to, so that a layer read from them can be checked element by
/// element.
///
/// @param hidden H
/// @param intermediate I
/// @param experts E
record BlockTensors(int hidden, int intermediate, int experts) {

  /// One of 255 multiples of 1/64, which BF16 holds exactly.
  static float value(String what, int expert, int row, int column) {
    int hash = ((what.hashCode() * 31 + expert) * 131 + row) * 1031 + column;
    hash = (hash ^ hash >>> 15) * 0x85EBCA6B;
    hash = (hash ^ hash >>> 13) * 0xC2B2AE35;
    return (Math.floorMod(hash ^ hash >>> 16, 255) - 127) / 64f;
  }

  static TensorView matrix(String name, String what, int expert, int rows, int columns) {
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = value(what, expert, i / columns, i % columns);
    }
    return HeapTensors.bf16(name, Shape.of(rows, columns), values);
  }

  static TensorView vector(String name, String what, int expert, int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = value(what, expert, 0, i);
    }
    return HeapTensors.bf16(name, Shape.of(size), values);
  }

  /// `[2 size, columns]`: a shared expert's gate over its up.
  static TensorView stacked(String name, int size, int columns) {
    float[] values = new float[2 * size * columns];
    for (int i = 0; i < values.length; i++) {
      int row = i / columns;
      values[i] = value(row < size ? "shared gate" : "shared up", 0, row % size, i % columns);
    }
    return HeapTensors.bf16(name, Shape.of(2L * size, columns), values);
  }

  /// `[E, H]`.
  TensorSet router(String module) {
    return TensorSet.of(matrix(module + ".weight", "router", 0, experts, hidden));
  }

  /// A linear layer for each projection of each expert, `prefix` ending in `experts.`.
  TensorSet perExpert(String prefix, String gate, String up, String down) {
    return perExpert(prefix, 0, gate, up, down);
  }

  /// The same of a block that has others before them.
  TensorSet perExpert(String prefix, int first, String gate, String up, String down) {
    TensorSet set = new TensorSet();
    for (int e = first; e < first + experts; e++) {
      String expert = prefix + e + ".";
      set.put(matrix(expert + gate + ".weight", "gate", e, intermediate, hidden));
      set.put(matrix(expert + up + ".weight", "up", e, intermediate, hidden));
      set.put(matrix(expert + down + ".weight", "down", e, hidden, intermediate));
    }
    return set;
  }

  /// The same under the usual names, `block` ending in a dot.
  TensorSet perExpert(String block) {
    return perExpert(block + "experts.", "gate_proj", "up_proj", "down_proj");
  }

  /// `experts.gate_up_proj` and `experts.down_proj`, `block` ending in a dot.
  TensorSet fused(String block) {
    return fused(block + "experts.gate_up_proj", block + "experts.down_proj");
  }

  /// `[E, 2I, H]`, the gates first, and `[E, H, I]`.
  TensorSet fused(String gateUp, String down) {
    return TensorSet.of(gateUp(gateUp, false, false), down(down, false));
  }

  /// `[E, H, 2I]`, the gates first, and `[E, I, H]`.
  TensorSet transposed(String gateUp, String down) {
    return TensorSet.of(gateUp(gateUp, true, false), down(down, true));
  }

  /// `[E, H, 2I]`, gate and up alternating, and `[E, I, H]`.
  TensorSet interleaved(String gateUp, String down) {
    return TensorSet.of(gateUp(gateUp, true, true), down(down, true));
  }

  /// @param outputsLast whether it is `[E, H, 2I]` rather than `[E, 2I, H]`
  TensorView gateUp(String name, boolean outputsLast, boolean interleaved) {
    float[] values = new float[experts * 2 * intermediate * hidden];
    for (int e = 0; e < experts; e++) {
      for (int output = 0; output < 2 * intermediate; output++) {
        boolean up = interleaved ? output % 2 == 1 : output >= intermediate;
        int row = interleaved ? output / 2 : output % intermediate;
        for (int column = 0; column < hidden; column++) {
          int at =
              outputsLast
                  ? (e * hidden + column) * 2 * intermediate + output
                  : (e * 2 * intermediate + output) * hidden + column;
          values[at] = value(up ? "up" : "gate", e, row, column);
        }
      }
    }
    return HeapTensors.bf16(
        name,
        outputsLast
            ? Shape.of(experts, hidden, 2L * intermediate)
            : Shape.of(experts, 2L * intermediate, hidden),
        values);
  }

  /// @param outputsLast whether it is `[E, I, H]` rather than `[E, H, I]`
  TensorView down(String name, boolean outputsLast) {
    float[] values = new float[experts * hidden * intermediate];
    for (int e = 0; e < experts; e++) {
      for (int row = 0; row < hidden; row++) {
        for (int column = 0; column < intermediate; column++) {
          int at =
              outputsLast
                  ? (e * intermediate + column) * hidden + row
                  : (e * hidden + row) * intermediate + column;
          values[at] = value("down", e, row, column);
        }
      }
    }
    return HeapTensors.bf16(
        name,
        outputsLast
            ? Shape.of(experts, intermediate, hidden)
            : Shape.of(experts, hidden, intermediate),
        values);
  }

  /// `[E * I, H]`, all experts one below the other.
  TensorView below(String name, String what) {
    float[] values = new float[experts * intermediate * hidden];
    for (int i = 0; i < values.length; i++) {
      int row = i / hidden;
      values[i] = value(what, row / intermediate, row % intermediate, i % hidden);
    }
    return HeapTensors.bf16(name, Shape.of(experts * intermediate, hidden), values);
  }

  /// `gate_proj`, `up_proj` and `down_proj` of a shared expert, `module` without the last dot.
  TensorSet shared(String module, int size) {
    return TensorSet.of(
        matrix(module + ".gate_proj.weight", "shared gate", 0, size, hidden),
        matrix(module + ".up_proj.weight", "shared up", 0, size, hidden),
        matrix(module + ".down_proj.weight", "shared down", 0, hidden, size));
  }

  /// `[1, H]`.
  TensorSet sharedGate(String module) {
    return TensorSet.of(matrix(module + ".weight", "shared sigmoid", 0, 1, hidden));
  }

  /// Router, experts and shared expert.
  ///
  /// @param sharedSize I of the shared expert, or 0 without one
  /// @param sharedGate whether a sigmoid multiplies its result
  void assertLayer(MoeLayer layer, int sharedSize, boolean sharedGate) {
    assertRouter(layer);
    assertExperts(layer);
    if (sharedSize == 0) {
      assertThat(layer.shared()).isNull();
    } else {
      assertShared(layer.shared(), sharedSize, sharedGate);
    }
  }

  void assertRouter(MoeLayer layer) {
    Router router = Objects.requireNonNull(layer.router());
    assertMatrix(router.weight(), "router", 0, experts, hidden);
  }

  void assertExperts(MoeLayer layer) {
    assertExperts(layer, 0);
  }

  /// Experts of a block that has others before them.
  void assertExperts(MoeLayer layer, int first) {
    assertThat(layer.experts().local()).hasSize(experts);
    for (int e = 0; e < experts; e++) {
      assertMlp(layer.experts().local().get(e), "", first + e, intermediate);
    }
  }

  void assertShared(@Nullable SharedExperts shared, int size, boolean gated) {
    assertThat(shared).isNotNull();
    assertMlp(Objects.requireNonNull(shared).mlp(), "shared ", 0, size);
    Weight gate = shared.gate();
    assertThat(gate != null).as("has a sigmoid gate").isEqualTo(gated);
    if (gate != null) {
      assertMatrix(gate, "shared sigmoid", 0, 1, hidden);
    }
  }

  private void assertMlp(Mlp mlp, String prefix, int expert, int size) {
    assertMatrix(Objects.requireNonNull(mlp.gate()), prefix + "gate", expert, size, hidden);
    assertMatrix(mlp.up(), prefix + "up", expert, size, hidden);
    assertMatrix(mlp.down(), prefix + "down", expert, hidden, size);
  }

  static void assertBias(@Nullable Bias bias, String what, int expert, int size) {
    assertThat(bias).as(what).isNotNull();
    float[] expected = new float[size];
    for (int i = 0; i < size; i++) {
      expected[i] = value(what, expert, 0, i);
    }
    assertThat(Objects.requireNonNull(bias).toFloats())
        .as("%s of expert %d", what, expert)
        .containsExactly(expected);
  }

  static void assertMatrix(Weight weight, String what, int expert, int rows, int columns) {
    assertThat(weight.rows()).as("rows of %s", weight.name()).isEqualTo(rows);
    assertThat(weight.columns()).as("columns of %s", weight.name()).isEqualTo(columns);
    try (Arena arena = Arena.ofConfined()) {
      WeightMatrix matrix = weight.load(arena);
      float[] found = new float[columns];
      float[] expected = new float[columns];
      for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++) {
          expected[column] = value(what, expert, row, column);
        }
        matrix.decodeRow(row, found);
        assertThat(found)
            .as("%s of expert %d (%s), row %d", what, expert, weight.name(), row)
            .containsExactly(expected);
      }
    }
  }
}
