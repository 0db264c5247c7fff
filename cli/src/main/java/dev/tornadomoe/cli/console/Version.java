package dev.tornadomoe.cli.console;

import picocli.CommandLine.IVersionProvider;

/// The version of the jar.
public final class Version implements IVersionProvider {
  @Override
  public String[] getVersion() {
    String version = Version.class.getPackage().getImplementationVersion();
    return new String[] {
      "moe " + (version == null ? "(built from source)" : version),
      "Java " + Runtime.version() + ", " + System.getProperty("java.vm.name")
    };
  }
}
