package dev.tornadomoe.docs;

import java.io.IOException;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/// Compiled blocks of one page.
public final class Samples implements AutoCloseable {

  /// What the body of a method sees without an import, beside the packages of its page's files.
  private static final List<String> IMPORTS =
      List.of(
          "java.lang.foreign.*",
          "java.nio.file.Path",
          "java.util.*",
          "dev.tornadomoe.*",
          "dev.tornadomoe.backend.*",
          "dev.tornadomoe.checkpoint.*",
          "dev.tornadomoe.checkpoint.file.*",
          "dev.tornadomoe.layer.*",
          "dev.tornadomoe.layer.family.*",
          "dev.tornadomoe.modular.*",
          "dev.tornadomoe.offload.*",
          "dev.tornadomoe.plan.*",
          "dev.tornadomoe.plan.explain.*",
          "dev.tornadomoe.tensor.*");

  private final List<Sample> samples;
  private final URLClassLoader loader;

  private Samples(List<Sample> samples, URLClassLoader loader) {
    this.samples = samples;
    this.loader = loader;
  }

  /// Compiles blocks, with every warning an error.
  ///
  /// @param samples of one page
  /// @param directory for sources and classes
  /// @param options for the compiler, beside the tests' own class path
  /// @throws AssertionError when one does not compile, with what the compiler says
  public static Samples compile(List<Sample> samples, Path directory, String... options)
      throws IOException {
    Path sources = Files.createDirectories(directory.resolve("sources"));
    Path classes = Files.createDirectories(directory.resolve("classes"));
    List<Path> files = new ArrayList<>();
    for (Sample sample : samples) {
      Path file = sources.resolve(sample.className().replace('.', '/') + ".java");
      Files.createDirectories(file.getParent());
      files.add(
          Files.writeString(file, sample.isFile() ? sample.code() : wrapped(sample, samples)));
    }
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter said = new StringWriter();
    List<String> arguments =
        new ArrayList<>(
            List.of("-Xlint:all", "-Werror", "-proc:none", "-d", classes.toString(), "-classpath"));
    arguments.add(System.getProperty("java.class.path"));
    arguments.addAll(Arrays.asList(options));
    try (StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null)) {
      boolean fine =
          compiler
              .getTask(
                  said, manager, null, arguments, null, manager.getJavaFileObjectsFromPaths(files))
              .call();
      if (!fine) {
        throw new AssertionError(samples.getFirst().page() + " does not compile:\n" + said);
      }
    }
    URL[] urls = {classes.toUri().toURL()};
    return new Samples(samples, new URLClassLoader(urls, Samples.class.getClassLoader()));
  }

  /// A class with the block as a method; messages have the page's line in the class's name.
  private static String wrapped(Sample sample, List<Sample> samples) {
    Set<String> imports = new TreeSet<>(IMPORTS);
    samples.stream()
        .filter(other -> other.isFile() && other.className().contains("."))
        .forEach(other -> imports.add(other.className()));
    return String.format(
        Locale.ROOT,
        """
        package sample;

        %s

        public final class Line%d {
          private Line%2$d() {}

          public static void %s throws Exception {
        %s
          }
        }
        """,
        imports.stream().map(name -> "import " + name + ";").collect(Collectors.joining("\n")),
        sample.line(),
        sample.head().orElseThrow(),
        sample.code());
  }

  /// The classes.
  public ClassLoader loader() {
    return loader;
  }

  /// Calls the method that a block is the body of.
  ///
  /// @param name its name
  public void run(String name, Object... arguments) throws Exception {
    for (Sample sample : samples) {
      if (!sample.isFile() && sample.methodName().equals(name)) {
        invoke(sample.className(), name, arguments);
        return;
      }
    }
    throw new IllegalArgumentException("no sample " + name);
  }

  /// Calls a static method of a class, or of a block's.
  public void invoke(String className, String name, Object... arguments) throws Exception {
    Method method =
        Stream.of(loader.loadClass(className).getMethods())
            .filter(candidate -> candidate.getName().equals(name))
            .findFirst()
            .orElseThrow();
    try {
      method.invoke(null, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause() instanceof Exception cause ? cause : e;
    }
  }

  @Override
  public void close() throws IOException {
    loader.close();
  }
}
