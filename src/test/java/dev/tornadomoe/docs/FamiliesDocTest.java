package dev.tornadomoe.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeFamilies;
import dev.tornadomoe.layer.family.MoeFamily;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The family that docs/families.md shows is compiled, found and used as the page says.
class FamiliesDocTest {
  private static final int HIDDEN = 4;
  private static final int EXPERTS = 3;
  private static final int INTERMEDIATE = 2;
  private static final String CONFIG =
      """
      {"model_type": "acme_moe", "hidden_size": 4, "num_hidden_layers": 2, "num_dense_layers": 1,
       "expert_size": 2, "num_experts": 3, "num_experts_per_tok": 1, "routed_scaling_factor": 2}
      """;

  @TempDir Path directory;
  private Samples samples;

  @BeforeEach
  void compile() throws IOException {
    samples = Samples.compile(Sample.of("families.md"), directory.resolve("compiled"));
    String page = Files.readString(Sample.of("families.md").getFirst().page());
    Path jar = directory.resolve("compiled/classes");
    Path services = Files.createDirectories(jar.resolve("META-INF/services"));
    Files.writeString(services.resolve(MoeFamily.class.getName()), block(page, "name\n\n```\n"));
  }

  @AfterEach
  void close() throws IOException {
    samples.close();
  }

  private static String block(String page, String begin) {
    int from = page.indexOf(begin) + begin.length();
    return page.substring(from, page.indexOf("```", from));
  }

  @Test
  void isFoundAndComputes() throws IOException {
    try (Checkpoint checkpoint = ModelDirectory.open(directory, CONFIG, tensors().tensors())) {
      MoeFamilies families = MoeFamilies.builder(samples.loader()).build();
      assertThat(families.modelTypes()).contains("acme_moe", "mixtral");
      MoeModel model = MoeModel.of(checkpoint, families);
      assertThat(model.layerIndices()).containsExactly(1);
      assertRuns(model.layer(1));
    }
  }

  /// Without the services file.
  @Test
  void isAddedByAProgram() throws Exception {
    try (Checkpoint checkpoint = ModelDirectory.open(directory, CONFIG, tensors().tensors())) {
      MoeFamily family =
          (MoeFamily)
              samples
                  .loader()
                  .loadClass("com.example.AcmeMoe")
                  .getDeclaredConstructor()
                  .newInstance();
      MoeFamilies families = MoeFamilies.builder().add(family).build();
      assertRuns(MoeModel.of(checkpoint, families).layer(1));
      samples.run("isAddedByAProgram", checkpoint);
    }
  }

  /// Expert e has the weights (e + 1) / 4 everywhere. The router prefers expert 0, the bias expert
  /// 2, whose weight stays its sigmoid's, which renormalised is 1, times 2.
  private static TensorSet tensors() {
    String block = "model.layers.1.ffn.";
    TensorSet set =
        TensorSet.of(
            HeapTensors.bf16(
                block + "router.weight",
                Shape.of(EXPERTS, HIDDEN),
                new float[] {1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0}),
            HeapTensors.bf16(
                block + "router.bias_for_choice", Shape.of(EXPERTS), new float[] {0, 0, 2}));
    for (int e = 0; e < EXPERTS; e++) {
      for (String up : List.of("w_gate", "w_up")) {
        set.put(filled(block + "experts." + e + "." + up, INTERMEDIATE, HIDDEN, (e + 1) / 4f));
      }
      set.put(filled(block + "experts." + e + ".w_down", HIDDEN, INTERMEDIATE, (e + 1) / 4f));
    }
    return set;
  }

  private static dev.tornadomoe.tensor.TensorView filled(
      String module, int rows, int columns, float value) {
    float[] values = new float[rows * columns];
    Arrays.fill(values, value);
    return HeapTensors.bf16(module + ".weight", Shape.of(rows, columns), values);
  }

  private static void assertRuns(MoeLayer layer) {
    float[] hidden = {0.25f, 0.5f, -0.25f, 0.5f};
    float[] output = new float[HIDDEN];
    try (Session session =
        Backends.require("cpu").prepare(Planner.builder().maxTokens(1).build().plan(layer))) {
      session.run(MemorySegment.ofArray(hidden), 1, MemorySegment.ofArray(output));
    }
    double up = 0.75; // expert 2's weights times the sum of the hidden states, 1
    double activated = up / (1 + Math.exp(-up)) * up;
    double expected = 2 * (INTERMEDIATE * 0.75 * activated);
    for (float value : output) {
      assertThat((double) value).isCloseTo(expected, within(1e-5));
    }
  }
}
