@device
Feature: Components
  What a deployment names is fetched from a registry, looked at before it is used, and only then run.

  @req:CMP-12 @req:APP-01 @needs:registry
  Scenario: Components are fetched in their order and installed
    Given a registry that holds the components
    And a device that is managed by the WFM
    When the WFM publishes "multipart" release 1
    Then the device fetches the components of "multipart" and installs them
    And the components of "multipart" are fetched in their order
    And what runs of "multipart" is what was published

  @req:DEV-04 @feature:helm @needs:registry
  Scenario: A chart is fetched from its registry
    Given a registry that holds the components
    And a device that is managed by the WFM
    When the WFM publishes "chart" release 1 as a helm deployment
    Then the device deploys the chart of "chart"

  @req:DEV-05 @req:CMP-12 @feature:compose @needs:registry
  Scenario: A Compose archive is fetched from its registry
    Given a registry that holds the components
    And a device that is managed by the WFM
    When the WFM publishes "archive" release 1 as a compose deployment
    Then the device deploys the archive of "archive"
    And the device fetches the components of "archive" and installs them

  @req:CMP-12 @req:CMP-10 @feature:compose @needs:registry
  Scenario Outline: A component that was altered on its way is refused
    Given a registry that holds the components
    And a device that is managed by the WFM
    When components come from the registry with <damage>
    And the WFM publishes "archive" release 1 as a compose deployment
    Then the device refuses the altered component of "archive"
    And the device reports "archive" failed, and why
    When the registry is right again
    And the WFM publishes "archive" release 2 as a compose deployment
    Then the device fetches the components of "archive" and installs them

    Examples:
      | damage                       |
      | one bit changed              |
      | one byte added               |
      | its end cut off              |
      | nothing in it                |
      | other content in their place |

  @req:CMP-10 @req:CMP-12 @feature:compose @needs:registry
  Scenario Outline: An archive that leads out of its directory is refused
    Given a registry that holds the components
    And a device that is managed by the WFM
    When the registry holds "archive" release 1 with <odd>
    And the WFM publishes "archive" release 1 as a compose deployment
    Then the device refuses the archive of "archive", since it leads out
    And the device reports "archive" failed, and why
    When the WFM publishes "archive" release 2 as a compose deployment
    Then the device fetches the components of "archive" and installs them

    Examples:
      | odd                                    |
      | a symbolic link that leads out of it   |
      | a symbolic link to an absolute path    |
      | a hard link that leads out of it       |
      | a file at an absolute path             |
      | a file at a path that climbs out       |
      | a path that climbs out and comes back  |

  @req:CMP-10 @req:CMP-12 @feature:compose @needs:registry
  Scenario Outline: An archive that only looks odd is taken
    Given a registry that holds the components
    And a device that is managed by the WFM
    When the registry holds "archive" release 1 with <odd>
    And the WFM publishes "archive" release 1 as a compose deployment
    Then the device fetches the components of "archive" and installs them

    Examples:
      | odd                               |
      | a symbolic link that stays inside |
      | files in directories below        |

  @req:CMP-11 @feature:compose @needs:registry @needs:inspect
  Scenario: Permissions that lend others' rights are not kept
    Given a registry that holds the components
    And a device that is managed by the WFM
    When the registry holds "archive" release 1 with files that have special permissions
    And the WFM publishes "archive" release 1 as a compose deployment
    Then the device fetches the components of "archive" and installs them
    And no file of "archive" lends the rights of others

  @req:CMP-06 @feature:compose @needs:registry
  Scenario: The name of the directory means nothing
    Given a registry that holds the components
    And a device that is managed by the WFM
    When the registry holds "archive" release 1 with a directory of another name
    And the WFM publishes "archive" release 1 as a compose deployment
    Then the device finds the project of "archive" whatever its directory is called

  @req:DS-002 @req:DS-074 @feature:compose @needs:registry
  Scenario Outline: An archive that is laid out wrongly does not go unanswered
    Given a registry that holds the components
    And a device that is managed by the WFM
    When the registry holds "archive" release 1 with <odd>
    And the WFM publishes "archive" release 1 as a compose deployment
    Then the device says what it makes of the archive of "archive"
    When the WFM publishes "archive" release 2 as a compose deployment
    Then the device installs "archive" and reports it

    Examples:
      | odd                                   |
      | its file called compose.yml           |
      | its file under its old name           |
      | no directory around its files         |
      | its file one directory too deep       |
      | a second directory beside the first   |
      | no compression                        |

  @req:DS-002 @req:DS-074 @req:ST-012 @behaviour:PF-01 @needs:registry
  Scenario Outline: A registry that gives nothing is told, and tried again with the next release
    Given a registry that holds the components
    And a device that is managed by the WFM
    When the registry <matter> when it is asked for a component
    And the WFM publishes "primary" release 1
    Then the device reports "primary" failed, and why
    When the registry is right again
    And the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it

    Examples:
      | matter                   |
      | does not know it         |
      | lost its content         |
      | is out of order          |
      | is overloaded            |
      | demands a login          |
      | does not answer          |
      | hangs up                 |
      | hangs up in the middle   |
      | gives a page instead     |
      | gives half a description |

  @req:CMP-16 @feature:compose @needs:registry @needs:fault
  Scenario: A project that says how its health is told is waited for
    Given a registry that holds the components
    And the project of "archive" says how its health is told
    And a device that is managed by the WFM
    When the last project of "archive" is healthy only after a while
    And the WFM publishes "archive" release 1 as a compose deployment
    Then "archive" is not called installed before it is healthy

  @req:OBS-10 @req:OBS-08 @feature:hosting @needs:inspect @needs:registry
  Scenario Outline: Every container is told where the collector is, and none is instrumented
    Given a registry that holds the components
    And a device that is managed by the WFM
    When the WFM publishes "<application>" release 1
    Then the device installs "<application>" and reports it
    And every container of "<application>" is told where the collector is
    And no container of "<application>" is instrumented

    Examples:
      | application |
      | chart       |
      | archive     |

  @req:OBS-06 @feature:hosting @feature:compose @needs:inspect @needs:registry
  Scenario: A workload needs nothing beside it to be observed
    Given a registry that holds the components
    And a device that is managed by the WFM
    When the WFM publishes "archive" release 1 as a compose deployment
    Then the device fetches the components of "archive" and installs them
    And "archive" runs with the containers that it brings, and no others

  @req:DS-072 @feature:hosting @needs:inspect @needs:registry
  Scenario Outline: Parameters arrive where they are meant to
    Given a registry that holds the components
    And a device that is managed by the WFM
    When the WFM publishes "<application>" release 1
    Then the device installs "<application>" and reports it
    And the values of "<application>" arrive where they are meant to
    When the WFM publishes "<application>" release 1 with other parameters
    Then the device installs "<application>" and reports it
    And the values of "<application>" arrive where they are meant to

    Examples:
      | application |
      | primary     |
      | secondary   |
      | tertiary    |
