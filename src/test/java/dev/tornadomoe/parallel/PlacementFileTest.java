package dev.tornadomoe.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.layer.MoeLayer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlacementFileTest {
  /// Layer 3, with 5 experts.
  private static final MoeLayer LAYER = RandomLayer.of(LayerSpec.odd(), 1);

  @TempDir private Path directory;

  private PlacementFile file(String json) throws IOException {
    Path file = directory.resolve("placement.json");
    Files.writeString(file, json);
    return PlacementFile.read(file);
  }

  @Test
  void oneForAllLayers() throws IOException {
    assertThat(file("{\"experts_of_rank\": [[0, 1, 2], [3, 4, 0]]}").placement(LAYER))
        .hasToString("0 1 2 | 3 4 0");
  }

  @Test
  void oneForALayerComesFirst() throws IOException {
    String both = "{\"experts_of_rank\": [[0], [1]], \"layers\": {\"3\": [[4, 1], [0, 2, 3]]}}";
    assertThat(file(both).placement(LAYER)).hasToString("4 1 | 0 2 3");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '!',
      value = {
        "{} ! has no placement for layer 3 and no \"experts_of_rank\" for all",
        "{\"layers\": {\"2\": [[0]]}} ! has no placement for layer 3",
        "{\"layers\": [1]} ! \"layers\" is no object",
        "{\"ranks\": []} ! unknown field \"ranks\", expected \"experts_of_rank\" and \"layers\"",
        "{\"experts_of_rank\": 7} ! must be a list with a list of expert numbers for each rank,"
            + " found 7",
        "{\"experts_of_rank\": [7]} ! found 7",
        "{\"experts_of_rank\": [[0.5]]} ! found 0.5",
        "{\"layers\": {\"3\": [[\"a\"]]}} ! \"layers.3\" must be a list",
        "{\"experts_of_rank\": [[0], [1, 2, 3]]} ! layer 3: the placement gives expert 4 to no"
            + " rank",
        "[1] ! expected a JSON object",
      })
  void whatMakesNoSenseIsRefused(String json, String sentence) {
    assertThatThrownBy(() -> file(json).placement(LAYER))
        .isInstanceOf(dev.tornadomoe.MoeException.class)
        .hasMessageContaining("placement.json")
        .hasMessageContaining(sentence);
  }
}
