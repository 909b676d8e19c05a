@wfm
Feature: The whole life of a deployment
  From the first report of a device to the last status of a removed application, everything a client does is served.

  @needs:northbound @req:API-001 @req:API-003 @req:ID-31 @req:ID-12 @req:ID-20 @req:SEC-001 @req:AD-001 @req:AD-013
  Scenario: From the first report to the removal
    When client A reports device "press-1"
    And client A is given the primary application
    And client A fetches everything its manifest names
    And client A reports the states pending, installing, installed
    And the operator deploys the next release of the primary application
    And client A fetches everything its manifest names
    And client A reports the states installing, installed
    And the operator removes the primary application
    And client A reports the states removing, removed
    And client A withdraws device "press-1"
    Then every operation of the interface has been served

  @needs:northbound @req:DT-001 @req:DWN-01
  Scenario: A client that was away for long catches up at once
    Given client A has been given the primary application
    When client A is away while the operator makes 3 changes
    And client A fetches everything its manifest names
    Then client A has caught up at once
    And client A has been given exactly what was deployed
