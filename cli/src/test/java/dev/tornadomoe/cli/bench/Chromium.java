package dev.tornadomoe.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.contract.Installed;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import tools.jackson.jr.ob.JSON;

/// A browser that opens a page and says what it sees there.
final class Chromium {
  private static final List<String> NAMES =
      List.of("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome");

  private static final String BEGIN = "<pre id=\"seen\">";

  private Chromium() {}

  /// What a script finds in a page, on a screen as wide as a phone's.
  ///
  /// Where there is no browser, a test is not run ([Installed]).
  ///
  /// @param page its text
  /// @param script a function's body that returns an object
  /// @param directory for a copy of the page and for the browser's own files
  static Map<String, Object> read(String page, String script, Path directory) throws Exception {
    Optional<Path> browser = find();
    Installed.require(browser.isPresent(), "Chromium", "chromium-headless-shell");
    Path copy = directory.resolve("page.html");
    // In front of the page's own policy, which forbids scripts from there on.
    Files.writeString(
        copy,
        page.replace(
            "<head>",
            String.format(
                Locale.ROOT,
                """
                <head><script>
                const read = () => { %s };
                document.addEventListener("DOMContentLoaded", () => {
                  const seen = document.createElement("pre");
                  seen.id = "seen";
                  seen.textContent = JSON.stringify(read());
                  document.body.append(seen);
                });
                </script>
                """,
                script)));
    String dom = dump(browser.get(), copy, directory);
    assertThat(dom).contains(BEGIN);
    int from = dom.indexOf(BEGIN) + BEGIN.length();
    String seen = dom.substring(from, dom.indexOf("</pre>", from));
    return JSON.std.mapFrom(
        seen.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&nbsp;", " ")
            .replace("&amp;", "&"));
  }

  private static Optional<Path> find() {
    return NAMES.stream()
        .flatMap(name ->
            Arrays.stream(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
                .map(place -> Path.of(place, name)))
        .filter(Files::isExecutable)
        .findFirst();
  }

  private static String dump(Path browser, Path page, Path directory)
      throws IOException, InterruptedException {
    Path dom = directory.resolve("dom.html");
    Path log = directory.resolve("browser.log");
    Process process =
        new ProcessBuilder(
                browser.toString(),
                "--headless",
                "--no-sandbox", // which root has none of
                "--disable-gpu",
                "--user-data-dir=" + directory.resolve("profile"),
                "--window-size=400,900",
                "--dump-dom",
                page.toUri().toString())
            .redirectOutput(dom.toFile())
            .redirectError(log.toFile())
            .start();
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
      throw new AssertionError("the browser did not end: " + Files.readString(log));
    }
    assertThat(process.exitValue()).as(Files.readString(log)).isZero();
    return Files.readString(dom, StandardCharsets.UTF_8);
  }
}
