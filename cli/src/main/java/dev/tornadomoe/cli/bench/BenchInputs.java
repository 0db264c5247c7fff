package dev.tornadomoe.cli.bench;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.host.MemoryBudget;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.layer.TokenKey;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// The inputs of a measurement: several random ones, so that each call goes to other experts and
/// their weights come from memory, with what each layer must read for it.
public final class BenchInputs {
  /// So many tokens in all, but at least two inputs.
  private static final int TOKENS_IN_ALL = 64;

  /// Longer inputs repeat their rows, and one is enough: all experts are needed long before.
  private static final int MOST_ROWS = 4096;

  /// One input and what it takes.
  ///
  /// @param hidden `[M, H]`
  /// @param routing what the caller gives to all layers, or null where each has a router
  /// @param keys what their routers ask of each token, I32 `[M]`
  /// @param reads for each layer
  public record Input(
      MemorySegment hidden,
      @Nullable Routing routing,
      Map<CallerRegion, MemorySegment> keys,
      List<Reads> reads) {}

  /// Where all layers send an input. Each has its own weights, so they share no memory for it.
  ///
  /// @param ids `[M, k]`
  /// @param weights `[M, k]`
  record Routing(MemorySegment ids, MemorySegment weights) {}

  /// What a layer must read for an input.
  ///
  /// @param experts the distinct experts, ascending
  /// @param bytes of weights: these experts, and router and shared expert if they run
  /// @param operations multiplications and additions with all these weights, for all tokens
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Reads(int[] experts, long bytes, long operations) {}

  private final List<MoeLayer> layers;
  private final boolean expertsOnly;
  private final Arena arena;
  private final SplittableRandom random = new SplittableRandom(7);

  public BenchInputs(List<MoeLayer> layers, boolean expertsOnly, Arena arena) {
    this.layers = layers;
    this.expertsOnly = expertsOnly;
    this.arena = arena;
  }

  public List<Input> make(int tokens) {
    return make(tokens, (done, all) -> {});
  }

  /// How far making them is.
  @FunctionalInterface
  interface Made {
    void update(int done, int all);
  }

  List<Input> make(int tokens, Made made) {
    int hidden = layers.getFirst().hidden();
    int count = tokens > MOST_ROWS ? 1 : Math.max(2, TOKENS_IN_ALL / tokens);
    MemoryBudget.require(
        String.format(Locale.ROOT, "inputs and outputs of %d tokens", tokens),
        (count + 1L) * tokens * hidden * Float.BYTES);
    int stages = layers.size() + 1;
    made.update(0, stages);
    float[][] rows = new float[Math.min(MOST_ROWS, count * tokens)][hidden];
    for (float[] row : rows) {
      for (int i = 0; i < hidden; i++) {
        row[i] = (float) random.nextGaussian();
      }
    }
    int[][] drawn = expertsOnly ? draw(rows.length) : null;
    Map<CallerRegion, int[]> keys = expertsOnly ? Map.of() : keys(layers, rows.length, random);
    List<int[][]> ids =
        drawn != null
            ? Collections.nCopies(layers.size(), drawn)
            : route(rows, keys, done -> made.update(done, stages));
    List<Input> inputs = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int first = i * tokens;
      MemorySegment input = arena.allocate((long) tokens * hidden * Float.BYTES, 64);
      for (int t = 0; t < tokens; t++) {
        MemorySegment.copy(
            rows[(first + t) % rows.length],
            0,
            input,
            ValueLayout.JAVA_FLOAT,
            (long) t * hidden * 4,
            hidden);
      }
      List<Reads> reads = new ArrayList<>();
      for (int l = 0; l < layers.size(); l++) {
        reads.add(reads(layers.get(l), ids.get(l), first, tokens));
      }
      Map<CallerRegion, MemorySegment> keysHere = new EnumMap<>(CallerRegion.class);
      keys.forEach((region, all) -> keysHere.put(region, part(arena, all, first, tokens)));
      inputs.add(
          new Input(input, drawn == null ? null : routing(drawn, first, tokens), keysHere, reads));
    }
    made.update(stages, stages);
    return inputs;
  }

  /// Where the layers' routers send each row, layer after layer.
  private List<int[][]> route(
      float[][] rows, Map<CallerRegion, int[]> keys, IntConsumer layersDone) {
    int hidden = layers.getFirst().hidden();
    List<int[][]> ids = new ArrayList<>();
    try (Arena temporary = Arena.ofShared()) {
      MemorySegment input = temporary.allocate((long) rows.length * hidden * Float.BYTES, 64);
      for (int t = 0; t < rows.length; t++) {
        MemorySegment.copy(
            rows[t], 0, input, ValueLayout.JAVA_FLOAT, (long) t * hidden * Float.BYTES, hidden);
      }
      MoeCall call =
          new MoeCall().hidden(input, rows.length).output(temporary.allocate(input.byteSize(), 64));
      keys.forEach((region, all) -> call.memory(region, part(temporary, all, 0, rows.length)));
      int states = layers.stream().mapToInt(MoeLayer::routerStates).max().orElse(0);
      call.routerStates(temporary.allocate((long) rows.length * states * Float.BYTES, 64));
      for (MoeLayer layer : layers) {
        layersDone.accept(ids.size());
        int[] ofLayer = RoutingProbe.ids(layer, call);
        int topK = layer.topK();
        ids.add(
            IntStream.range(0, rows.length)
                .mapToObj(t -> Arrays.copyOfRange(ofLayer, t * topK, (t + 1) * topK))
                .toArray(int[][]::new));
      }
    }
    return ids;
  }

  /// Random numbers of what routers ask of each token.
  public static Map<CallerRegion, int[]> keys(
      List<MoeLayer> layers, int tokens, RandomGenerator random) {
    Map<CallerRegion, int[]> keys = new EnumMap<>(CallerRegion.class);
    for (TokenKey key : TokenKey.of(layers)) {
      keys.put(
          CallerRegion.of(key.kind()),
          IntStream.range(0, tokens).map(t -> random.nextInt(key.count())).toArray());
    }
    return keys;
  }

  private static MemorySegment part(Arena arena, int[] keys, int first, int tokens) {
    MemorySegment part = arena.allocate((long) tokens * Integer.BYTES, 64);
    for (int t = 0; t < tokens; t++) {
      part.setAtIndex(ValueLayout.JAVA_INT, t, keys[(first + t) % keys.length]);
    }
    return part;
  }

  /// Random experts for each row, which every layer has.
  private int[][] draw(int rows) {
    int experts = layers.stream().mapToInt(MoeLayer::globalExperts).min().orElse(0);
    int[][] ids = new int[rows][layers.getFirst().topK()];
    for (int[] ofRow : ids) {
      BitSet drawn = new BitSet(experts);
      for (int slot = 0; slot < ofRow.length; slot++) {
        int id = random.nextInt(experts);
        while (drawn.get(id)) {
          id = random.nextInt(experts);
        }
        drawn.set(id);
        ofRow[slot] = id;
      }
    }
    return ids;
  }

  private Routing routing(int[][] ids, int first, int tokens) {
    int topK = ids[0].length;
    MemorySegment idRows = arena.allocate((long) tokens * topK * 4, 64);
    MemorySegment weightRows = arena.allocate((long) tokens * topK * 4, 64);
    for (int t = 0; t < tokens; t++) {
      for (int slot = 0; slot < topK; slot++) {
        long at = (long) t * topK + slot;
        idRows.setAtIndex(ValueLayout.JAVA_INT, at, ids[(first + t) % ids.length][slot]);
        weightRows.setAtIndex(ValueLayout.JAVA_FLOAT, at, 1f / topK);
      }
    }
    return new Routing(idRows, weightRows);
  }

  private Reads reads(MoeLayer layer, int[][] ids, int first, int tokens) {
    BitSet distinct = new BitSet();
    long operations = 0;
    for (int t = 0; t < tokens; t++) {
      for (int id : ids[(first + t) % ids.length]) {
        if (layer.experts().map().localOf(id) >= 0) { // others have no weights
          distinct.set(id);
          operations += operations(expert(layer, id));
        }
      }
    }
    int[] experts = distinct.stream().toArray();
    long bytes = 0;
    for (int expert : experts) {
      bytes += expert(layer, expert).bytes();
    }
    if (!expertsOnly && layer.router() != null) {
      bytes += layer.router().weight().bytes();
      operations += tokens * operations(layer.router().weight());
      RouterMlp mlp = layer.router().mlp();
      for (Weight weight : mlp == null ? List.<Weight>of() : mlp.weights()) {
        bytes += weight.bytes();
        operations += tokens * operations(weight);
      }
    }
    if (!expertsOnly && layer.shared() != null) {
      bytes += layer.shared().mlp().bytes();
      operations += tokens * operations(layer.shared().mlp());
    }
    if (!expertsOnly && layer.latent() != null) {
      for (Weight weight : List.of(layer.latent().in(), layer.latent().out())) {
        bytes += weight.bytes();
        operations += tokens * operations(weight);
      }
    }
    return new Reads(experts, bytes, operations);
  }

  private static Mlp expert(MoeLayer layer, int id) {
    return layer.experts().local().get(layer.experts().map().localOf(id));
  }

  private static long operations(Mlp mlp) {
    long gate = mlp.gate() == null ? 0 : operations(mlp.gate());
    return gate + operations(mlp.up()) + operations(mlp.down());
  }

  private static long operations(Weight weight) {
    return 2L * weight.rows() * weight.columns();
  }
}
