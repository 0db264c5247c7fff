package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.TensorView;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What AWQ and GPTQ, which store the same three tensors, must both refuse. Tests name their
/// misshapen tensors in a static method `misshapen`.
abstract class InputMajorRefusals {
  private static final String FIELDS = "\"group_size\": 32";

  @TempDir Path directory;

  /// `[8, 64]` in groups of 32.
  abstract TensorSet sound();

  abstract String module();

  /// `config.json` with these fields beside the method's name.
  abstract String config(String fields);

  final void assertRefused(String fields, TensorSet tensors, String... says) {
    ModelDirectory.assertLinearRefused(directory, config(fields), tensors, module(), 8, 64, says);
  }

  @ParameterizedTest
  @MethodSource("misshapen")
  void namesTheTensorThatDoesNotFit(TensorView replacement, String found, String expected) {
    assertRefused(
        FIELDS,
        sound().put(replacement),
        directory.resolve("model.safetensors").toString(),
        "\"" + replacement.name() + "\"",
        found,
        expected);
  }

  @ParameterizedTest
  @ValueSource(strings = {"qweight", "qzeros", "scales"})
  void namesTheTensorThatIsMissing(String part) {
    String tensor = module() + "." + part;
    assertRefused(
        FIELDS,
        sound().remove(tensor),
        directory.resolve("model.safetensors").toString(),
        "\"" + tensor + "\"",
        "missing");
  }
}
