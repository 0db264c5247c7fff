package dev.tornadomoe.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.Weight;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The samples of docs/embedding.md compute what the page says.
class EmbeddingDocTest {
  private static final int TOKENS = 3;

  @TempDir private static Path directory;
  private static Samples samples;
  private static Checkpoint checkpoint;
  private static List<MoeLayer> layers;
  private static int hidden;

  private final Random random = new Random(7);

  @BeforeAll
  static void compile() throws IOException {
    samples = Samples.compile(Sample.of("embedding.md"), directory);
    checkpoint =
        Checkpoint.open(Path.of("").toAbsolutePath().resolve("test/resources/golden/hf/qwen3_moe"));
    MoeModel model = MoeModel.of(checkpoint);
    layers = model.layerIndices().stream().map(model::layer).toList();
    hidden = layers.getFirst().hidden();
  }

  @AfterAll
  static void close() throws IOException {
    samples.close();
    checkpoint.close();
  }

  @Test
  void allLayersOfAModelAddToX() throws Exception {
    try (AutoCloseable engine = engine();
        AutoCloseable forked = (AutoCloseable) call(engine, "fork")) {
      assertThat(call(engine, "count")).isEqualTo(layers.size());
      for (int place = 0; place < layers.size(); place++) {
        for (AutoCloseable each : List.of(engine, forked)) {
          float[] normed = random(TOKENS * hidden);
          float[] x = random(TOKENS * hidden);
          float[] expected = reference(layers.get(place), normed);
          for (int i = 0; i < x.length; i++) {
            expected[i] += x[i];
          }
          call(each, "run", place, segment(normed), TOKENS, segment(x));
          assertClose(x, expected);
        }
      }
    }
  }

  @Test
  void slicesAndThreadsAreTaken() throws Exception {
    try (AutoCloseable engine = engine()) {
      samples.run("decode", engine, hidden, 3);
      samples.run("serve", engine, hidden, 3);
    }
  }

  @Test
  void idsAndWeightsCanBeTheEngines() throws Exception {
    MoeLayer layer = layers.getFirst();
    float[] normed = random(hidden);
    float[] expected = new float[hidden];
    samples.run("gate", layer, normed, expected); // the first experts, alike
    int[] ids = new int[layer.topK()];
    Arrays.setAll(ids, i -> ids.length - 1 - i);
    float[] weights = new float[ids.length];
    Arrays.fill(weights, 1f / ids.length);
    float[] y = new float[hidden];
    samples.run("route", layer, normed, y, ids, weights);
    assertClose(y, expected);
    assertThat(y).isNotEqualTo(reference(layer, normed));
  }

  @Test
  void aLayerCanWriteTheNextNormsRows() throws Exception {
    MoeLayer layer = layers.getFirst();
    float[] rows = random(hidden);
    float[] x = random(hidden);
    float[] weights = random(hidden);
    float[] normed = new float[hidden];
    float[] expected = reference(layer, rows);
    for (int i = 0; i < hidden; i++) {
      expected[i] += x[i];
    }
    samples.run("tail", layer, segment(rows), segment(x), segment(weights), segment(normed));

    assertClose(x, expected);
    double squares = 0;
    for (float value : expected) {
      squares += value * value;
    }
    for (int i = 0; i < hidden; i++) {
      expected[i] = (float) (expected[i] / Math.sqrt(squares / hidden + 1e-6) * weights[i]);
    }
    assertClose(normed, expected);
  }

  @Test
  void aLayerCanLeaveTheSumToTheEngine() throws Exception {
    MoeLayer layer = layers.getFirst();
    float[] rows = random(hidden);
    int[] ids = new int[layer.topK()];
    float[] weights = new float[layer.topK()];
    float[] experts = new float[layer.topK() * hidden];
    samples.run(
        "deferred",
        layer,
        segment(rows),
        segment(experts),
        MemorySegment.ofArray(ids),
        segment(weights));

    float[] y = new float[hidden];
    for (int i = 0; i < experts.length; i++) {
      y[i % hidden] += weights[i / hidden] * experts[i];
    }
    assertClose(y, reference(layer, rows));
  }

  /// Q8_0: a scale of 16 bits, then 32 whole numbers.
  @Test
  void blocksAreTakenAsTheyLie() throws Exception {
    byte[] stacked = new byte[3 * 2 * 34];
    for (int row = 0; row < 6; row++) {
      stacked[row * 34 + 1] = 0x3C; // 1
      Arrays.fill(stacked, row * 34 + 2, row * 34 + 34, (byte) row);
    }
    List<Weight> weights = new ArrayList<>();
    samples.run("blocks", MemorySegment.ofArray(stacked), 3, 2, 32, weights);
    assertThat(weights).hasSize(3);
    float[] row = new float[32];
    try (Arena arena = Arena.ofConfined()) {
      weights.get(2).load(arena).decodeRow(1, row, 0);
    }
    assertThat(row).containsOnly(5f);
  }

  /// Every expert has gates, ups and downs of one value: its output is that of one number.
  @Test
  void arraysMakeALayer() throws Exception {
    int intermediate = 2;
    float[] router = {0, 0, 0, 2, 2, 2, 1, 1, 1}; // [3, 3]: experts 1 and 2 are the best
    float[][] ups = new float[3][];
    for (int e = 0; e < 3; e++) {
      ups[e] = new float[intermediate * 3];
      Arrays.fill(ups[e], (e + 1) / 4f);
    }
    Method make = method(samples.loader().loadClass("com.example.OwnWeights"), "layer");
    MoeLayer layer = (MoeLayer) make.invoke(null, 3, intermediate, router, ups, ups, ups);
    float[] y = reference(layer, new float[] {0.5f, 0.25f, 0.25f});
    double first = 1 / (1 + Math.exp(-1)); // logits 2 and 1
    double expected = first * expert(0.5) + (1 - first) * expert(0.75);
    assertThat((double) y[0]).isCloseTo(expected, within(1e-5));
    try (Session session = Backends.auto().prepare(Planner.builder().build().plan(layer))) {
      float[] ours = new float[3];
      session.run(segment(new float[] {0.5f, 0.25f, 0.25f}), 1, segment(ours));
      assertThat((double) ours[2]).isCloseTo(expected, within(1e-5));
    }
  }

  /// Of a row that sums to 1.
  private static double expert(double weight) {
    double activated = weight / (1 + Math.exp(-weight)) * weight;
    return 2 * weight * activated;
  }

  private static AutoCloseable engine() throws Exception {
    Method load = method(samples.loader().loadClass("com.example.MoeLayers"), "load");
    return (AutoCloseable) load.invoke(null, checkpoint, 64);
  }

  private static Object call(Object engine, String name, Object... arguments) throws Exception {
    return method(engine.getClass(), name).invoke(engine, arguments);
  }

  private static Method method(Class<?> type, String name) {
    return Stream.of(type.getMethods())
        .filter(method -> method.getName().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static float[] reference(MoeLayer layer, float[] rows) {
    float[] result = new float[rows.length];
    try (Session session =
        Backends.require("reference").prepare(Planner.builder().build().plan(layer))) {
      session.run(
          new MoeCall()
              .hidden(segment(rows), rows.length / layer.hidden())
              .output(segment(result)));
    }
    return result;
  }

  private static void assertClose(float[] found, float[] expected) {
    for (int i = 0; i < found.length; i++) {
      assertThat(found[i]).as("element " + i).isCloseTo(expected[i], within(1e-4f));
    }
  }

  private float[] random(int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static MemorySegment segment(float[] values) {
    return MemorySegment.ofArray(values);
  }
}
