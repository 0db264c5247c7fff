package dev.tornadomoe.cli;

import dev.tornadomoe.backend.host.TokenGating;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;

/// The inputs of a measurement: several random ones, so that each call goes to other experts and
/// their weights come from memory, with the routing that each layer will find.
final class BenchInputs {
  /// So many tokens in all, but at least two inputs.
  private static final int TOKENS_IN_ALL = 64;

  /// One input and where each layer sends it.
  ///
  /// @param hidden `[M, H]`
  /// @param routings for each layer
  record Input(MemorySegment hidden, List<Routing> routings) {}

  /// Where a layer sends an input.
  ///
  /// @param ids `[M, k]`
  /// @param weights `[M, k]`
  /// @param experts the distinct experts, ascending
  /// @param bytes of weights that must be read: these experts, and router and shared expert if they
  ///   run
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Routing(MemorySegment ids, MemorySegment weights, int[] experts, long bytes) {}

  private final List<MoeLayer> layers;
  private final boolean expertsOnly;
  private final Arena arena;
  private final SplittableRandom random = new SplittableRandom(7);

  BenchInputs(List<MoeLayer> layers, boolean expertsOnly, Arena arena) {
    this.layers = layers;
    this.expertsOnly = expertsOnly;
    this.arena = arena;
  }

  List<Input> make(int tokens) {
    int hidden = layers.getFirst().hidden();
    int count = Math.max(2, TOKENS_IN_ALL / tokens);
    float[][] rows = new float[count * tokens][hidden];
    for (float[] row : rows) {
      for (int i = 0; i < hidden; i++) {
        row[i] = (float) random.nextGaussian();
      }
    }
    List<int[][]> ids = new ArrayList<>();
    List<float[][]> weights = new ArrayList<>();
    for (MoeLayer layer : layers) {
      ids.add(new int[rows.length][layer.topK()]);
      weights.add(new float[rows.length][layer.topK()]);
      route(layer, rows, ids.getLast(), weights.getLast());
    }
    List<Input> inputs = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int first = i * tokens;
      MemorySegment input = arena.allocate((long) tokens * hidden * Float.BYTES, 64);
      for (int t = 0; t < tokens; t++) {
        MemorySegment.copy(
            rows[first + t], 0, input, ValueLayout.JAVA_FLOAT, (long) t * hidden * 4, hidden);
      }
      List<Routing> routings = new ArrayList<>();
      for (int l = 0; l < layers.size(); l++) {
        routings.add(routing(layers.get(l), ids.get(l), weights.get(l), first, tokens));
      }
      inputs.add(new Input(input, routings));
    }
    return inputs;
  }

  private void route(MoeLayer layer, float[][] rows, int[][] ids, float[][] weights) {
    Router router = layer.router();
    if (expertsOnly || router == null) {
      for (int t = 0; t < rows.length; t++) {
        draw(ids[t], weights[t], layer.globalExperts());
      }
      return;
    }
    TokenGating gating = TokenGating.of(router);
    Bias bias = router.bias();
    float[] biases = bias == null ? new float[router.experts()] : bias.toFloats();
    float[][] logits = new float[rows.length][router.experts()];
    try (Arena temporary = Arena.ofConfined()) {
      WeightMatrix matrix = router.weight().load(temporary);
      float[] row = new float[matrix.columns()];
      for (int e = 0; e < router.experts(); e++) {
        matrix.decodeRow(e, row);
        for (int t = 0; t < rows.length; t++) {
          float sum = biases[e];
          for (int c = 0; c < row.length; c++) {
            sum += row[c] * rows[t][c];
          }
          logits[t][e] = sum;
        }
      }
    }
    for (int t = 0; t < rows.length; t++) {
      gating.choose(logits[t], ids[t], weights[t]);
    }
  }

  private void draw(int[] ids, float[] weights, int experts) {
    BitSet drawn = new BitSet(experts);
    for (int slot = 0; slot < ids.length; slot++) {
      int id = random.nextInt(experts);
      while (drawn.get(id)) {
        id = random.nextInt(experts);
      }
      drawn.set(id);
      ids[slot] = id;
      weights[slot] = 1f / ids.length;
    }
  }

  private Routing routing(MoeLayer layer, int[][] ids, float[][] weights, int first, int tokens) {
    int topK = layer.topK();
    MemorySegment idRows = arena.allocate((long) tokens * topK * 4, 64);
    MemorySegment weightRows = arena.allocate((long) tokens * topK * 4, 64);
    BitSet distinct = new BitSet();
    for (int t = 0; t < tokens; t++) {
      for (int slot = 0; slot < topK; slot++) {
        long at = (long) t * topK + slot;
        idRows.setAtIndex(ValueLayout.JAVA_INT, at, ids[first + t][slot]);
        weightRows.setAtIndex(ValueLayout.JAVA_FLOAT, at, weights[first + t][slot]);
        distinct.set(ids[first + t][slot]);
      }
    }
    int[] experts = distinct.stream().toArray();
    long bytes = 0;
    for (int expert : experts) {
      Mlp mlp = layer.experts().local().get(layer.experts().map().localOf(expert));
      bytes += mlp.bytes();
    }
    if (!expertsOnly && layer.router() != null) {
      bytes += layer.router().weight().bytes();
    }
    if (!expertsOnly && layer.shared() != null) {
      bytes += layer.shared().mlp().bytes();
    }
    return new Routing(idRows, weightRows, experts, bytes);
  }
}
