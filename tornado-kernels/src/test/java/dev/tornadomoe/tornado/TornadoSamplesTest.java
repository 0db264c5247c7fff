package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.docs.Sample;
import dev.tornadomoe.docs.Samples;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The blocks of Java in the documentation that need TornadoVM compile with the SDK that is there.
class TornadoSamplesTest {
  @TempDir private Path directory;

  @Test
  void compile() throws IOException {
    List<Sample> samples = new ArrayList<>();
    for (Path page : Sample.pages()) {
      samples.addAll(Sample.of(page).stream().filter(Sample::tornado).toList());
    }
    assertThat(samples).isNotEmpty();
    String modules = System.getProperty("jdk.module.path"); // the argfile's
    Samples.compile(samples, directory, "--module-path", modules, "--add-modules", "tornado.api")
        .close();
  }
}
