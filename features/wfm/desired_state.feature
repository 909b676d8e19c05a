@wfm
Feature: The desired state of a client
  Each client is given one manifest with everything its devices should run, in versions that only grow. What the
  manifest names can be fetched one by one or all at once, and is exactly what was promised.

  @req:DS-013 @req:DS-014 @req:DS-016
  Scenario: A new client starts with nothing to run
    When client A asks for its manifest
    Then it is the first version with nothing to run

  @needs:northbound @req:DS-019 @req:DS-021 @req:DS-024 @req:DS-025 @req:DS-032 @req:DS-033 @req:DS-076
  Scenario Outline: A device is given <applications>
    When the operator deploys <applications> to client A
    And client A fetches everything its manifest names
    Then client A has been given exactly what was deployed
    And the bundle and the single documents agree

    Examples:
      | applications   |
      | 1 application  |
      | 2 applications |
      | 3 applications |

  @needs:northbound @req:DS-012 @req:DS-076 @req:GW-08 @req:AD-006
  Scenario Outline: One manifest serves <devices> of a client
    Given client A has <devices>
    When the operator deploys the primary application to every device of client A
    And client A fetches everything its manifest names
    Then client A has been given exactly what was deployed
    And every change of client A made one new version

    Examples:
      | devices   |
      | 1 device  |
      | 2 devices |
      | 4 devices |

  @needs:northbound @req:DS-012 @req:SEC-007
  Scenario Outline: <count> clients have manifests of their own
    Given <count> clients have been given the primary application
    When client A is given the secondary application too
    Then every client has been given exactly what was deployed to it
    And every change of client A made one new version

    Examples:
      | count |
      | 2     |
      | 3     |

  @needs:northbound @req:AD-004 @req:DS-011 @behaviour:US-03
  Scenario: A new release keeps the deployment and changes its content
    Given client A has been given the primary application
    When the operator deploys the next release of the primary application
    And client A fetches everything its manifest names
    Then the deployment is the same with other content
    And client A has been given exactly what was deployed

  @needs:northbound @req:AD-004 @req:DS-011
  Scenario: New settings keep the deployment and change its content
    Given client A has been given an application with settings
    When the operator changes its settings
    And client A fetches everything its manifest names
    Then the deployment is the same with other content
    And client A has been given exactly what was deployed

  @needs:northbound @req:AD-004 @req:DS-011 @req:DS-019 @behaviour:US-02
  Scenario: One of two applications is removed
    Given client A has been given the primary and the secondary application
    When the operator removes the primary application
    And client A fetches everything its manifest names
    Then client A has been given exactly what was deployed
    And the deployment of the secondary application has not changed

  @needs:northbound @req:DS-011 @req:DS-014 @req:DS-015 @req:DS-016 @behaviour:US-02 @behaviour:FB-04
  Scenario: The last application is removed
    Given client A has been given the primary application
    When the operator removes the primary application
    Then client A has nothing to run, in a new version

  @needs:northbound @req:DS-011
  Scenario: Versions grow through a long series of changes
    Given client A has been given the primary application
    When the operator deploys 6 further releases of the primary application one after the other
    Then every change of client A made one new version

  @needs:northbound @needs:version @req:DS-010 @req:DS-011
  Scenario Outline: A version of <size> is exact to the last digit
    Given client A has been given the primary application
    When the WFM goes on from version <version> with the next release of the primary application
    Then the manifest says version <version> exactly

    Examples:
      | size                            | version              |
      | more than 24 bits               | 16777217             |
      | more than 53 bits               | 9007199254740993     |
      | the largest there is, less one  | 18446744073709551614 |

  @needs:northbound @req:DS-033 @req:DS-034
  Scenario: Content that was replaced is either still itself or gone
    Given client A has been given the primary application
    When the operator deploys the next release of the primary application
    And client A fetches everything the former manifest named
    Then the former content is unchanged or no longer there

  @needs:northbound @req:DS-033
  Scenario: An address may be written in another way
    Given client A has been given the primary application
    When client A fetches everything its manifest names
    And client A fetches it all again, with the colon of each digest escaped
    Then an escaped address leads to the same content, or to none

  @req:DS-058 @req:DS-011
  Scenario: Nothing changes while nothing is changed
    When client A asks for its manifest 3 times
    Then every answer is the same to the last byte

  @needs:northbound @needs:restart @req:DS-011 @req:DS-058 @behaviour:DR-05
  Scenario: A restart of the WFM loses nothing
    Given client A has been given the primary application
    When the WFM is restarted
    And client A asks for its manifest
    Then the manifest is the one from before the restart
    When the operator deploys the next release of the primary application
    Then every change of client A made one new version

  @needs:northbound @req:AD-006
  Scenario: A gateway is left to choose
    Given client A has reported a gateway that hosts workloads, "hall-1"
    When the operator deploys the primary application to "hall-1/*"
    And client A fetches everything its manifest names
    Then client A has been given exactly what was deployed
