package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;
import static dev.tornadomoe.layer.family.FamilyConfig.SHARED;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.layer.Gating;
import dev.tornadomoe.layer.TopKGating;
import java.nio.file.Path;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Layouts of the user's own, which say what no family of ours says.
class OwnLayoutTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final TopKGating SOFTMAX = TopKGating.softmax(2, true);

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
        directory,
        FamilyConfig.of("mixtral").with("model_type", "own").json(),
        tensors.tensors());
  }

  private static MoeModel model(
      Checkpoint checkpoint, Gating gating, UnaryOperator<ModelLayout.Builder> change) {
    return MoeModel.of(
        checkpoint, MoeFamilies.builder().add(new Family(gating, change)).build());
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
