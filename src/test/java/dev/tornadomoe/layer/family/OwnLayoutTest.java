package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;
import static dev.tornadomoe.layer.family.FamilyConfig.SHARED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.layer.Gating;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SparseMixer;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Layouts of the user's own, which say what no family of ours says.
class OwnLayoutTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final TopKGating SOFTMAX = TopKGating.softmax(2, true);

  private static final TableLayout TABLE = new TableLayout("table", 2, List.of(1));

  @TempDir Path directory;

  /// A model of two layers.
  private record Family(Gating gating, UnaryOperator<ModelLayout.Builder> change)
      implements MoeFamily {
    @Override
    public Set<String> modelTypes() {
      return Set.of("own");
    }

    @Override
    public ModelLayout layout(ModelConfig config) {
      return change.apply(ModelLayout.builder(config)).build(INTERMEDIATE, EXPERTS, gating);
    }
  }

  private Checkpoint open(TensorSet tensors) {
    return ModelDirectory.open(
        directory, FamilyConfig.of("mixtral").with("model_type", "own").json(), tensors.tensors());
  }

  private static MoeModel model(
      Checkpoint checkpoint, Gating gating, UnaryOperator<ModelLayout.Builder> change) {
    return MoeModel.of(checkpoint, MoeFamilies.builder().add(new Family(gating, change)).build());
  }

  private void assertRefused(
      Gating gating, UnaryOperator<ModelLayout.Builder> change, String... says) {
    try (Checkpoint checkpoint = open(BLOCK.router("model.layers.1.mlp.gate"))) {
      assertThatThrownBy(() -> model(checkpoint, gating, change))
          .isInstanceOf(MoeException.class)
          .hasMessageStartingWith(directory.toString())
          .hasMessageContainingAll(says);
    }
  }

  /// What a token's weights would be computed without.
  @Test
  void refusesPartsOfTopKRoutingWithAnother() {
    SparseMixer mixer = new SparseMixer(0.01f);
    assertRefused(mixer, layout -> layout.table(TABLE), "a table of token ids", "SparseMixer");
    assertRefused(mixer, layout -> layout.routerScale("s"), "a factor", "SparseMixer");
  }

  @Test
  void refusesSeveralRoutersWhoseExpertsCantBeToldApart() {
    PartLayout second = PartLayout.ofBlock(1, 2, "gate.other");
    assertRefused(
        SOFTMAX, layout -> layout.part(second), "a block with 2 routers", "stored one by one");
    assertRefused(
        SOFTMAX,
        layout ->
            layout
                .part(PartLayout.ofBlock(0, 1 << 30, "gate"))
                .storages(ExpertStorage.PerExpert.PROJ),
        "6 experts for each of 1073741824 routers");
    assertThatThrownBy(() -> PartLayout.ofBlock(2, 2, "gate"))
        .isInstanceOf(MoeException.class)
        .hasMessage("there is no router 2 among 2");
  }

  static Stream<TopKGating> sumsOfAnythingElse() {
    return Stream.of(
        TopKGating.softmax(2, false),
        SOFTMAX.scaled(2),
        SOFTMAX.withNorm(2),
        SOFTMAX.withEpsilon(0.5f),
        SOFTMAX.withLeastSum(2));
  }

  @ParameterizedTest
  @MethodSource("sumsOfAnythingElse")
  void refusesABiasOnASumOfOtherWeights(TopKGating gating) {
    assertRefused(gating, layout -> layout.sumBias("bias"), "\"bias\"", "sum to 1");
  }

  @Test
  void refusesABiasOnASumThatHasOtherFactors() {
    assertRefused(
        SOFTMAX, layout -> layout.sumBias("bias").routerScale("s"), "\"bias\"", "sum to 1");
    assertRefused(
        SOFTMAX, layout -> layout.sumBias("bias").expertScale("s"), "\"bias\"", "sum to 1");
    assertRefused(SOFTMAX, layout -> layout.sumBias("bias").identityExperts(1), "all have weights");
  }

  @Test
  void refusesABiasOnTheSumBesideThoseOfTheExperts() {
    TensorSet tensors =
        BLOCK
            .router("model.layers.1.mlp.gate")
            .putAll(BLOCK.perExpert("model.layers.1.mlp."))
            .put(BlockTensors.vector("model.layers.1.mlp.bias", "sum", 0, HIDDEN));
    String own = "model.layers.1.mlp.experts.3.down_proj.bias";
    try (Checkpoint checkpoint =
        open(tensors.put(BlockTensors.vector(own, "down_bias", 3, HIDDEN)))) {
      MoeModel model = model(checkpoint, SOFTMAX, layout -> layout.sumBias("bias"));
      assertThatThrownBy(() -> model.layer(1))
          .isInstanceOf(MoeException.class)
          .hasMessageContainingAll('"' + own + '"', "\"model.layers.1.mlp.bias\"");
    }
  }

  @Test
  void refusesSharedExpertsThatAreNotThoseOfTheGating() {
    WeighedShared two = new WeighedShared(2, ExpertStorage.Fused.PROJ);
    assertRefused(SOFTMAX, layout -> layout.weighedShared(two), "2 shared experts", "chooses 0");
    assertRefused(
        SOFTMAX.withAlways(1), layout -> layout.weighedShared(two), "2 shared", "chooses 1");
    assertRefused(
        SOFTMAX.withAlways(2),
        layout -> layout.weighedShared(two).identityExperts(1),
        "1 that return");
    assertRefused(
        SOFTMAX.withAlways(2),
        layout -> layout.weighedShared(two).identityExperts(Integer.MAX_VALUE - EXPERTS - 1),
        "2^31 - 1");
    assertRefused(
        SOFTMAX.withAlways(2),
        layout -> layout.weighedShared(two).averaged(true),
        "2 shared experts",
        "no average");
  }

  /// A table says which experts, a factor how much they count.
  @Test
  void theFactorOnTheWeightsHoldsForExpertsByTokenIdToo() {
    String block = "model.layers.1.mlp.";
    TensorSet tensors =
        BLOCK
            .router(block + "gate")
            .putAll(BLOCK.perExpert(block))
            .put(HeapTensors.f32(block + "factor", Shape.of(1), 3))
            .put(HeapTensors.i32(block + "table", Shape.of(2, 2), 0, 1, 2, 3));
    TopKGating scores = new TopKGating(2, TopKGating.Scoring.SIGMOID, null, true, 0.5f);
    try (Checkpoint checkpoint = open(tensors)) {
      MoeModel model =
          model(checkpoint, scores, layout -> layout.routerScale("factor").table(TABLE));
      Router router = Objects.requireNonNull(model.layer(1).router());
      assertThat(router.gating())
          .isInstanceOfSatisfying(
              TableGating.class,
              table -> assertThat(table.scores()).isEqualTo(scores.scaled(1.5f)));
    }
  }

  /// Whatever the block is called, also where its parts are the layer's own.
  @ParameterizedTest
  @CsvSource({"'', ''", "mlp, mlp.", "feed_forward.moe, feed_forward.moe."})
  void aSharedExpertBesideTheBlockIsInTheLayer(String name, String prefix) {
    String layer = "model.layers.1.";
    SharedLayout shared =
        new SharedLayout(
            "share_expert",
            SharedLayout.Place.IN_LAYER,
            SHARED,
            null,
            SharedLayout.Storage.GATE_UP_DOWN);
    TensorSet tensors =
        BLOCK
            .router(layer + prefix + "gate")
            .putAll(BLOCK.perExpert(layer + prefix))
            .putAll(BLOCK.shared(layer + "share_expert", SHARED));
    try (Checkpoint checkpoint = open(tensors)) {
      MoeModel model = model(checkpoint, SOFTMAX, layout -> layout.blocks(name).shared(shared));
      BLOCK.assertLayer(model.layer(1), SHARED, false);
    }
  }
}
