package dev.tornadomoe.layer.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Families of the user's own among ours.
class MoeFamiliesTest {
  @TempDir Path directory;

  /// Claims Mixtral's model type and one of its own; found through `ServiceLoader` where a test
  /// names it.
  public static final class Rival implements MoeFamily {
    @Override
    public Set<String> modelTypes() {
      return Set.of("mixtral", "rival");
    }

    @Override
    public ModelLayout layout(ModelConfig config) {
      return new Mixtral().layout(config);
    }
  }

  @Test
  void ownFamiliesClaimEachTypeOnce() {
    MoeFamilies families = MoeFamilies.installed();
    assertThat(families.modelTypes()).contains("mixtral", "longcat_flash");
    for (String modelType : families.modelTypes()) {
      String config = String.format(Locale.ROOT, "{\"model_type\": \"%s\"}", modelType);
      try (Checkpoint checkpoint = ModelDirectory.open(directory, config, List.of())) {
        assertThat(families.of(checkpoint.config()).modelTypes()).contains(modelType);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "doge, with other tokens",
    "nllb-moe, only two of its experts",
    "switch_transformers, drop tokens",
    "nemotron_h_puzzle, different sizes"
  })
  void whatNoLayerHereCanSayIsRefusedByItsName(String modelType, String why) {
    String config = String.format(Locale.ROOT, "{\"model_type\": \"%s\"}", modelType);
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, List.of())) {
      assertThatThrownBy(() -> MoeModel.of(checkpoint))
          .isInstanceOf(LayerException.class)
          .hasMessageStartingWith(directory.toString())
          .hasMessageContainingAll(
              "model_type \"" + modelType + "\" is not supported, since its ",
              why,
              ": run this model with transformers or vLLM");
    }
  }

  @Test
  void addRefusesATypeThatIsTaken() {
    MoeFamilies.Builder builder = MoeFamilies.builder();
    assertThatThrownBy(() -> builder.add(new Rival()))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll(
            "\"mixtral\"", Mixtral.class.getName(), Rival.class.getName(), "replace");
  }

  @Test
  void replaceTakesATypeOver() {
    Rival rival = new Rival();
    MoeFamilies families = MoeFamilies.builder().replace(rival).build();
    try (Checkpoint checkpoint = mixtral()) {
      assertThat(families.of(checkpoint.config())).isSameAs(rival);
      assertThat(MoeModel.of(checkpoint, families).modelType()).isEqualTo("mixtral");
    }
  }

  @Test
  void aBuiltSetStaysAsItIs() {
    MoeFamilies.Builder builder = MoeFamilies.builder();
    MoeFamilies before = builder.build();
    builder.replace(new Rival());
    assertThat(before.modelTypes()).doesNotContain("rival");
  }

  @Test
  void aTypeThatTwoOnTheClassPathClaimIsRefusedWithBoth() throws IOException {
    try (URLClassLoader loader = services(Rival.class.getName());
        Checkpoint checkpoint = mixtral()) {
      MoeFamilies families = MoeFamilies.builder(loader).build();
      assertThatThrownBy(() -> MoeModel.of(checkpoint, families))
          .isInstanceOf(LayerException.class)
          .hasMessageContainingAll(
              directory.resolve("config.json") + ": ",
              "\"mixtral\" is claimed by two families",
              Mixtral.class.getName(),
              Rival.class.getName());
      assertThat(families.modelTypes()).contains("rival", "olmoe");
    }
  }

  @Test
  void aFamilyThatCannotBeLoadedIsNamedWhereATypeIsMissed() throws IOException {
    try (URLClassLoader loader = services("com.example.Missing");
        Checkpoint checkpoint =
            ModelDirectory.open(directory, "{\"model_type\": \"missing\"}", List.of())) {
      MoeFamilies families = MoeFamilies.builder(loader).build();
      assertThatThrownBy(() -> MoeModel.of(checkpoint, families))
          .isInstanceOf(LayerException.class)
          .hasMessageContainingAll("\"missing\" is not supported", "com.example.Missing");
    }
  }

  /// Also where one of the names ends with another.
  @Test
  void theRouterThatIsThereTellsTheBlock() {
    BlockTensors block =
        new BlockTensors(FamilyConfig.HIDDEN, FamilyConfig.INTERMEDIATE, FamilyConfig.EXPERTS);
    MoeFamily family =
        new MoeFamily() {
          @Override
          public Set<String> modelTypes() {
            return Set.of("nested");
          }

          @Override
          public ModelLayout layout(ModelConfig config) {
            return ModelLayout.builder(config)
                .routers("gate", "router.gate")
                .build(
                    FamilyConfig.INTERMEDIATE, FamilyConfig.EXPERTS, TopKGating.softmax(2, true));
          }
        };
    String mlp = "model.layers.1.mlp.";
    try (Checkpoint checkpoint =
        ModelDirectory.open(
            directory,
            FamilyConfig.of("mixtral").with("model_type", "nested").json(),
            block.perExpert(mlp).putAll(block.router(mlp + "router.gate")).tensors())) {
      MoeFamilies families = MoeFamilies.builder().add(family).build();
      block.assertLayer(MoeModel.of(checkpoint, families).layer(1), 0, false);
    }
  }

  private Checkpoint mixtral() {
    return ModelDirectory.open(directory, FamilyConfig.of("mixtral").json(), List.of());
  }

  private URLClassLoader services(String provider) throws IOException {
    Path services = Files.createDirectories(directory.resolve("jar/META-INF/services"));
    Files.writeString(services.resolve(MoeFamily.class.getName()), provider);
    return new URLClassLoader(
        new URL[] {directory.resolve("jar").toUri().toURL()},
        MoeFamiliesTest.class.getClassLoader());
  }
}
