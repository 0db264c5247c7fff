package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.nio.file.Path;
import java.util.Objects;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Layer 1 of families whose experts are stored in ways of their own.
class OwnLayoutNamesTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final String MLP = "model.layers.1.mlp.";

  @TempDir Path directory;

  @Test
  void readsThePrivacyFiltersBiases() {
    String experts = MLP + "experts.";
    TensorSet tensors =
        BLOCK
            .transposed(experts + "gate_up_proj", experts + "down_proj")
            .putAll(BLOCK.router(MLP + "router"))
            .put(BlockTensors.vector(MLP + "router.bias", "router bias", 0, EXPERTS))
            .put(biases(experts + "gate_up_proj_bias", 2 * INTERMEDIATE))
            .put(biases(experts + "down_proj_bias", HIDDEN));
    read(FamilyConfig.of("openai_privacy_filter").json(), tensors, this::assertPrivacyFilter);
  }

  private void assertPrivacyFilter(MoeLayer layer) {
    BLOCK.assertLayer(layer, 0, false);
    BlockTensors.assertBias(
        Objects.requireNonNull(layer.router()).bias(), "router bias", 0, EXPERTS);
    for (int e = 0; e < EXPERTS; e++) {
      Mlp mlp = layer.experts().local().get(e);
      assertThat(Objects.requireNonNull(mlp.gateBias()).toFloats())
          .containsExactly(ramp(e, 0, INTERMEDIATE));
      assertThat(Objects.requireNonNull(mlp.upBias()).toFloats())
          .containsExactly(ramp(e, INTERMEDIATE, INTERMEDIATE));
      assertThat(Objects.requireNonNull(mlp.downBias()).toFloats())
          .containsExactly(ramp(e, 0, HIDDEN));
    }
  }

  @Test
  void readsDbrx() {
    String block = "transformer.blocks.1.ffn.";
    TensorSet tensors =
        TensorSet.of(
                BLOCK.below(block + "experts.mlp.w1", "gate"),
                BLOCK.below(block + "experts.mlp.v1", "up"),
                HeapTensors.bf16(
                    block + "experts.mlp.w2",
                    Shape.of(EXPERTS * INTERMEDIATE, HIDDEN),
                    BLOCK.down("w2", true).toFloats()))
            .putAll(BLOCK.router(block + "router.layer"));
    read(FamilyConfig.of("dbrx").json(), tensors, layer -> BLOCK.assertLayer(layer, 0, false));
  }

  @Test
  void readsJetMoesBiasOfTheSum() {
    TensorSet tensors =
        BLOCK
            .fused(MLP + "input_linear.weight", MLP + "output_linear.weight")
            .putAll(BLOCK.router(MLP + "router.layer"))
            .put(BlockTensors.vector(MLP + "bias", "sum", 0, HIDDEN));
    read(
        FamilyConfig.of("jetmoe").json(),
        tensors,
        layer -> {
          BLOCK.assertLayer(layer, 0, false);
          for (Mlp mlp : layer.experts().local()) {
            BlockTensors.assertBias(mlp.downBias(), "sum", 0, HIDDEN);
          }
        });
  }

  /// The router's last two rows, and two experts more, are those that every token gets. Of equal
  /// sizes: `[E, 2I, H]` may be square.
  @ParameterizedTest
  @ValueSource(ints = {INTERMEDIATE, HIDDEN / 2})
  void readsInklingsWeighedSharedExperts(int intermediate) {
    BlockTensors all = new BlockTensors(HIDDEN, intermediate, EXPERTS + 2);
    String block = "model.llm.layers.1.mlp.";
    TensorSet tensors =
        TensorSet.of(
                split(all.gateUp("gate_up", false, true), block + "experts.w13_weight", 0, EXPERTS),
                split(all.down("down", false), block + "experts.w2_weight", 0, EXPERTS),
                split(
                    all.gateUp("gate_up", false, true),
                    block + "shared_experts.shared_w13_weight",
                    EXPERTS,
                    2),
                split(
                    all.down("down", false), block + "shared_experts.shared_w2_weight", EXPERTS, 2))
            .putAll(all.router(block + "gate"))
            .putAll(
                TensorSet.of(BlockTensors.vector(block + "gate.bias", "correction", 0, EXPERTS)))
            .put(HeapTensors.bf16(block + "gate.global_scale", Shape.of(1), new float[] {0.25f}));
    String config =
        FamilyConfig.of("inkling_text")
            .with("moe_intermediate_size", intermediate)
            .insideOf("inkling_mm_model");
    TopKGating gating = new TopKGating(2, TopKGating.Scoring.SIGMOID, null, true, 2, 0);
    read(
        config,
        tensors,
        layer -> {
          all.assertLayer(layer, 0, false);
          Router router = Objects.requireNonNull(layer.router());
          BlockTensors.assertBias(router.correctionBias(), "correction", 0, EXPERTS);
          assertThat(router.gating()).isEqualTo(gating.withAlways(2));
          assertThat(layer.topK()).isEqualTo(4);
        });
  }

  private void read(String config, TensorSet tensors, Consumer<MoeLayer> check) {
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, tensors.tensors())) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThat(model.layerIndices()).containsExactly(0, 1);
      check.accept(model.layer(1));
    }
  }

  private static TensorView split(TensorView tensor, String name, int first, int count) {
    TensorView part = tensor.rows(first, (long) first + count);
    return new TensorView(name, part.dtype(), part.shape(), part.data());
  }

  private static TensorView biases(String name, int size) {
    float[] values = new float[EXPERTS * size];
    for (int i = 0; i < values.length; i++) {
      values[i] = i / size + i % size / 16f;
    }
    return HeapTensors.bf16(name, Shape.of(EXPERTS, size), values);
  }

  private static float[] ramp(int expert, int first, int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = expert + (first + i) / 16f;
    }
    return values;
  }
}
