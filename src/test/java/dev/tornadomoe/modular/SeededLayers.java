package dev.tornadomoe.modular;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Latent;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.OwnNorms;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.layer.WeightedNorm;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// Makes layers in memory: of given sizes, with weights from a seed.
public final class SeededLayers {
  private static final int GROUP = 4;

  private final int hidden;
  private final int intermediate;
  private final int experts;
  private final int topK;
  private long seed = 1;
  private int index;
  private int sharedIntermediate;
  private boolean sharedGate;
  private boolean int4;
  private boolean router = true;
  private boolean weightOnInput;
  private int latent;
  private boolean inputNorms;
  private boolean outputNorm;
  private int[] map = {};

  private SeededLayers(int hidden, int intermediate, int experts, int topK) {
    this.hidden = hidden;
    this.intermediate = intermediate;
    this.experts = experts;
    this.topK = topK;
  }

  public static SeededLayers of(int hidden, int intermediate, int experts, int topK) {
    return new SeededLayers(hidden, intermediate, experts, topK);
  }

  /// H 8, I 6, E 4, k 2, F32.
  public static MoeLayer small() {
    return of(8, 6, 4, 2).layer();
  }

  public SeededLayers seed(long value) {
    seed = value;
    return this;
  }

  public SeededLayers index(int value) {
    index = value;
    return this;
  }

  public SeededLayers shared(int sharedI, boolean gate) {
    sharedIntermediate = sharedI;
    sharedGate = gate;
    return this;
  }

  public SeededLayers int4() {
    int4 = true;
    return this;
  }

  public SeededLayers withoutRouter() {
    router = false;
    return this;
  }

  public SeededLayers weightOnInput() {
    weightOnInput = true;
    return this;
  }

  public SeededLayers map(int... localOf) {
    map = localOf;
    return this;
  }

  /// The experts have rows of this size, between two projections.
  public SeededLayers latent(int size) {
    latent = size;
    return this;
  }

  /// Router and experts get the hidden states after norms of the layer's own.
  public SeededLayers inputNorms() {
    inputNorms = true;
    return this;
  }

  /// The sum goes through a norm of the layer's own.
  public SeededLayers outputNorm() {
    outputNorm = true;
    return this;
  }

  public MoeLayer layer() {
    Random random = new Random(seed);
    return withoutNorms()
        .withNorms(
            new OwnNorms(
                inputNorms ? norm("router_norm", random) : null,
                inputNorms ? norm("experts_norm", random) : null,
                outputNorm ? norm("norm", random) : null));
  }

  private WeightedNorm norm(String name, Random random) {
    return new WeightedNorm(new RmsNorm(0.25f), floats(name, 1, hidden, random).at(0), 1);
  }

  private MoeLayer withoutNorms() {
    Random random = new Random(seed);
    List<Mlp> mlps = new ArrayList<>();
    int width = latent == 0 ? hidden : latent;
    for (int e = 0; e < experts; e++) {
      mlps.add(mlp("expert" + e, intermediate, width, random));
    }
    MoeLayer layer =
        new MoeLayer(
            index,
            topK,
            router
                ? new Router(
                    dense("router", experts, hidden, random),
                    null,
                    null,
                    TopKGating.softmax(topK, true))
                : null,
            ExpertWeights.of(mlps, Activation.SILU),
            sharedIntermediate == 0
                ? null
                : new SharedExperts(
                    mlp("shared", sharedIntermediate, hidden, random),
                    sharedGate ? dense("shared_gate", 1, hidden, random) : null),
            weightOnInput,
            0,
            latent == 0
                ? null
                : new Latent(
                    weight("latent_in", latent, hidden, random),
                    weight("latent_out", hidden, latent, random),
                    null,
                    null),
            OwnNorms.NONE);
    return map.length == 0 ? layer : layer.withExpertMap(ExpertMap.of(map));
  }

  /// As many layers as a model has, alike but for their index; they share their weights.
  public List<MoeLayer> layers(int count) {
    MoeLayer first = layer();
    List<MoeLayer> layers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      layers.add(
          new MoeLayer(
              index + i,
              topK,
              first.router(),
              first.experts(),
              first.shared(),
              weightOnInput,
              0,
              first.latent(),
              first.norms()));
    }
    return layers;
  }

  private Mlp mlp(String name, int inside, int width, Random random) {
    return Mlp.gated(
        weight(name + ".gate", inside, width, random),
        weight(name + ".up", inside, width, random),
        weight(name + ".down", width, inside, random));
  }

  private Weight weight(String name, int rows, int columns, Random random) {
    return int4 ? int4(name, rows, columns, random) : dense(name, rows, columns, random);
  }

  private static Weight dense(String name, int rows, int columns, Random random) {
    return Weight.of(name, new DenseMatrix(floats(name, rows, columns, random)));
  }

  private static Weight int4(String name, int rows, int columns, Random random) {
    byte[] words = new byte[rows * Math.ceilDiv(columns, 8) * 4];
    random.nextBytes(words);
    return Weight.of(
        name,
        new Int4Matrix(
            rows,
            columns,
            GROUP,
            MemorySegment.ofArray(words),
            floats(name + ".scales", rows, Math.ceilDiv(columns, GROUP), random),
            null,
            null));
  }

  private static TensorView floats(String name, int rows, int columns, Random random) {
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian() * 0.5f;
    }
    return new TensorView(name, DType.F32, Shape.of(rows, columns), MemorySegment.ofArray(values));
  }
}
